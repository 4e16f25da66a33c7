package api

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf"
	"rampart/model"
)

// State is what the daemon as a whole is doing.
type State string

// The states. Only InForce means that a program of this daemon is enforced; what an earlier daemon left in the kernel
// stays there in the others.
const (
	// Starting: the sources are being read for the first time.
	Starting State = "starting"
	// Waiting: a source has delivered nothing complete and nothing is saved of it, or the backend has not yet accepted
	// a program.
	Waiting State = "waiting"
	// InForce: a program is in force. It may still not be the newest: see Status.Pending and the sources.
	InForce State = "in-force"
	// Stopping: the daemon is ending.
	Stopping State = "stopping"
)

// Status is the answer to GET /v1/status.
type Status struct {
	Version string    `json:"version"`
	Node    string    `json:"node"`
	PID     int       `json:"pid"`
	State   State     `json:"state"`
	Started time.Time `json:"started"`
	// Program is in force; nil when none of this daemon's is.
	Program *Program `json:"program,omitempty"`
	// Pending is a newer program that the backend has refused; nil when there is none.
	Pending  *Pending  `json:"pending,omitempty"`
	Sources  []Source  `json:"sources"`
	Backends []Backend `json:"backends"`
	// Connections tells of open connections that changes of policy have ended; nil when they are left alone.
	Connections *Connections `json:"connections,omitempty"`
	// LastError is the newest failure of any kind, kept after it has been put right.
	LastError *Failure `json:"lastError,omitempty"`
	// Warnings are about the program in force.
	Warnings []string `json:"warnings,omitempty"`
	// Policies is filled on request only: it grows with the model.
	Policies []Policy `json:"policies,omitempty"`
}

// Program describes a compiled program.
type Program struct {
	Generation uint64    `json:"generation"`
	Hash       string    `json:"hash"`
	Applied    time.Time `json:"applied"`
	// ApplySeconds is how long the backend took, Objects how many of its objects are in force.
	ApplySeconds float64 `json:"applySeconds"`
	Objects      int     `json:"objects"`
	// SavedState names the sources whose part comes from the state directory, because they could not be read.
	SavedState []string `json:"savedState,omitempty"`
	Counts     Counts   `json:"counts"`
}

// Counts are sizes of a program.
type Counts struct {
	Endpoints        int `json:"endpoints"`
	Policies         int `json:"policies"`
	ActivePolicies   int `json:"activePolicies"`
	InactivePolicies int `json:"inactivePolicies"`
	Profiles         int `json:"profiles"`
	Rules            int `json:"rules"`
	Sets             int `json:"sets"`
	Groups           int `json:"groups"`
	Resources        int `json:"resources"`
}

// Pending is a program that has been compiled and is not in force.
type Pending struct {
	Generation uint64    `json:"generation"`
	Hash       string    `json:"hash"`
	Attempts   int       `json:"attempts"`
	NextTry    time.Time `json:"nextTry"`
	Error      string    `json:"error"`
}

// SourceState is the state of one source.
type SourceState string

// The states of a source.
const (
	// SourceReading: it has not been read yet.
	SourceReading SourceState = "reading"
	// SourceOK: what it held when last read is in use.
	SourceOK SourceState = "ok"
	// SourceFailed: the last read failed; what it held before is in use.
	SourceFailed SourceState = "failed"
	// SourceSaved: it has not been read successfully; what an earlier daemon saved is in use.
	SourceSaved SourceState = "saved"
	// SourceAbsent: it has not been read successfully and nothing is saved: nothing can be put in force.
	SourceAbsent SourceState = "absent"
)

// Source describes one source.
type Source struct {
	Name      string      `json:"name"`
	State     SourceState `json:"state"`
	Revision  string      `json:"revision,omitempty"`
	Resources int         `json:"resources"`
	// Loaded is when what is in use was read; Tried when it was last read, successfully or not.
	Loaded time.Time `json:"loaded,omitzero"`
	Tried  time.Time `json:"tried,omitzero"`
	// Failures counts reads that failed in a row.
	Failures    int          `json:"failures,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// BackendState is the state of one backend.
type BackendState string

// The states of a backend.
const (
	// BackendIdle: nothing has been applied yet.
	BackendIdle BackendState = "idle"
	// BackendOK: the program in force is in force here.
	BackendOK BackendState = "ok"
	// BackendRefused: it refused the newest program; the one before is in force here.
	BackendRefused BackendState = "refused"
	// BackendOff: it refused the program and has been taken out of force; others enforce the policy without it.
	BackendOff BackendState = "off"
)

// Backend describes one backend.
type Backend struct {
	Name       string       `json:"name"`
	State      BackendState `json:"state"`
	Generation uint64       `json:"generation,omitempty"`
	Objects    int          `json:"objects"`
	// Drifts counts foreign changes that were seen and repaired; LastDrift says what the newest was.
	Drifts    int       `json:"drifts"`
	LastDrift string    `json:"lastDrift,omitempty"`
	Failures  int       `json:"failures"`
	Error     string    `json:"error,omitempty"`
	NextTry   time.Time `json:"nextTry,omitzero"`
	// Details say, for people, how the backend does its work.
	Details []string `json:"details,omitempty"`
}

// Connections describes what changes of policy did to open connections.
type Connections struct {
	// Cut and Restored count connections since the daemon started: those that a change of policy ended, and those among
	// them that a later change allowed again.
	Cut      uint64 `json:"cut"`
	Restored uint64 `json:"restored"`
	// Generation, Checked, Tracked and LastCut are about the last look: for which program it was, when, how many
	// connections were open and how many it ended.
	Generation uint64    `json:"generation"`
	Checked    time.Time `json:"checked,omitzero"`
	Tracked    int       `json:"tracked"`
	LastCut    int       `json:"lastCut"`
	// Error is why the last look was not complete; it is repeated.
	Error string `json:"error,omitempty"`
}

// Failure is something that went wrong.
type Failure struct {
	Time time.Time `json:"time"`
	// Where is the source or backend.
	Where string `json:"where"`
	// Message starts with "file:line:" when the place is known.
	Message string `json:"message"`
}

// Policy is one policy's state.
type Policy struct {
	Kind      model.Kind `json:"kind"`
	Namespace string     `json:"namespace,omitempty"`
	Name      string     `json:"name"`
	Tier      string     `json:"tier"`
	Origin    string     `json:"origin,omitempty"`
	Active    bool       `json:"active"`
	Endpoints int        `json:"endpoints"`
	Reasons   []string   `json:"reasons,omitempty"`
}

// Endpoint is one endpoint of the node.
type Endpoint struct {
	Kind      model.Kind `json:"kind"`
	Namespace string     `json:"namespace,omitempty"`
	Name      string     `json:"name"`
	Interface string     `json:"interface"`
	Addresses []string   `json:"addresses,omitempty"`
	Origin    string     `json:"origin,omitempty"`
	Applied   []Applied  `json:"applied"`
}

// Applied is what governs an endpoint in one direction and layer, in the order it is asked.
type Applied struct {
	Direction model.Direction `json:"direction"`
	Layer     string          `json:"layer"`
	Policies  []string        `json:"policies"`
	Profiles  []string        `json:"profiles,omitempty"`
}

// Counter is what one rule has matched. Defaults and a backend's built-in rules are counted too; they come last and have
// neither direction nor action.
type Counter struct {
	ID        string          `json:"id"`
	Rule      string          `json:"rule"`
	Direction model.Direction `json:"direction,omitempty"`
	Action    model.Action    `json:"action,omitempty"`
	Origin    string          `json:"origin,omitempty"`
	Packets   uint64          `json:"packets"`
	Bytes     uint64          `json:"bytes"`
}

// Diagnostic is a problem in a source, with its place. Line and Column are 1-based, 0 when there is no place.
type Diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

// NewDiagnostics converts the diagnostics of a source.
func NewDiagnostics(diags hcl.Diagnostics) []Diagnostic {
	var out []Diagnostic
	for _, d := range diags {
		o := Diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			o.Severity = "warning"
		}
		if d.Subject != nil {
			o.File, o.Line, o.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
		}
		out = append(out, o)
	}
	return out
}

// String is "file:line: summary: detail", without what is unknown.
func (d Diagnostic) String() string {
	s := conf.Message(d.Summary, d.Detail)
	if d.File != "" {
		s = model.Origin{File: d.File, Line: d.Line}.String() + ": " + s
	}
	return s
}
