package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"rampart/model"
)

// column is one column of a table; wide ones are shown on request only.
type column struct {
	heading string
	wide    bool
	cell    func(model.Resource) string
}

var nameColumn = column{heading: "NAME", cell: func(r model.Resource) string { return r.Meta().Name }}

// tableColumns are the columns of a kind, those of calicoctl where it has the kind.
func tableColumns(k model.Kind) []column {
	switch k {
	case model.KindNetworkPolicy, model.KindGlobalNetworkPolicy, model.KindStagedNetworkPolicy, model.KindStagedGlobalNetworkPolicy:
		return []column{nameColumn,
			{"TIER", false, policyCell(func(p *model.Policy) string { return p.TierName() })},
			{"ORDER", true, policyCell(func(p *model.Policy) string { return orderCell(p.Spec.Order) })},
			{"SELECTOR", true, policyCell(func(p *model.Policy) string { return p.Spec.Selector })},
		}
	case model.KindKubernetesNetworkPolicy, model.KindStagedKubernetesNetworkPolicy:
		return []column{nameColumn, {"PODSELECTOR", true, func(r model.Resource) string {
			return podSelectorCell(r.(*model.KubernetesNetworkPolicy).Spec.PodSelector)
		}}}
	case model.KindTier:
		return []column{nameColumn,
			{"ORDER", false, func(r model.Resource) string { return orderCell(r.(*model.Tier).Spec.Order) }},
			{"DEFAULTACTION", true, func(r model.Resource) string {
				if a := r.(*model.Tier).Spec.DefaultAction; a != "" {
					return string(a)
				}
				return string(model.Deny)
			}}}
	case model.KindProfile:
		return []column{nameColumn,
			{"LABELS", true, func(r model.Resource) string { return labelsCell(r.(*model.Profile).Spec.LabelsToApply) }}}
	case model.KindNetworkSet, model.KindGlobalNetworkSet:
		return []column{nameColumn,
			{"NETS", true, func(r model.Resource) string { return listCell(r.(*model.NetworkSet).Spec.Nets) }}}
	case model.KindHostEndpoint:
		host := func(cell func(*model.HostEndpointSpec) string) func(model.Resource) string {
			return func(r model.Resource) string { return cell(&r.(*model.HostEndpoint).Spec) }
		}
		return []column{nameColumn,
			{"NODE", false, host(func(s *model.HostEndpointSpec) string { return s.Node })},
			{"INTERFACE", true, host(func(s *model.HostEndpointSpec) string { return s.InterfaceName })},
			{"IPS", true, host(func(s *model.HostEndpointSpec) string { return listCell(s.ExpectedIPs) })},
			{"PROFILES", true, host(func(s *model.HostEndpointSpec) string { return strings.Join(s.Profiles, ",") })},
		}
	case model.KindWorkloadEndpoint:
		return workloadColumns()
	}
	return []column{nameColumn,
		{"LABELS", true, func(r model.Resource) string { return labelsCell(r.Meta().Labels) }}}
}

func workloadColumns() []column {
	workload := func(cell func(*model.WorkloadEndpointSpec) string) func(model.Resource) string {
		return func(r model.Resource) string { return cell(&r.(*model.WorkloadEndpoint).Spec) }
	}
	name := nameColumn
	name.wide = true
	return []column{name,
		{"WORKLOAD", false, workload(func(s *model.WorkloadEndpointSpec) string {
			if s.Workload != "" {
				return s.Workload
			}
			return s.Pod
		})},
		{"NODE", false, workload(func(s *model.WorkloadEndpointSpec) string { return s.Node })},
		{"NETWORKS", false, workload(func(s *model.WorkloadEndpointSpec) string { return listCell(s.IPNetworks) })},
		{"INTERFACE", false, workload(func(s *model.WorkloadEndpointSpec) string { return s.InterfaceName })},
		{"PROFILES", true, workload(func(s *model.WorkloadEndpointSpec) string { return strings.Join(s.Profiles, ",") })},
		{"NATS", true, workload(func(s *model.WorkloadEndpointSpec) string {
			var nats []string
			for _, n := range s.IPNATs {
				nats = append(nats, n.ExternalIP+"->"+n.InternalIP)
			}
			return strings.Join(nats, ",")
		})},
	}
}

func policyCell(cell func(*model.Policy) string) func(model.Resource) string {
	return func(r model.Resource) string { return cell(r.(*model.Policy)) }
}

func orderCell(order *float64) string {
	if order == nil {
		return "-"
	}
	return strconv.FormatFloat(*order, 'f', -1, 64)
}

// maxCell keeps a set with thousands of members from filling the screen; yaml has them all.
const maxCell = 80

func listCell[T fmt.Stringer](list []T) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if s := v.String(); b.Len()+len(s) <= maxCell {
			b.WriteString(s)
			continue
		}
		fmt.Fprintf(&b, "... (%d)", len(list))
		break
	}
	return b.String()
}

func labelsCell(labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, k+"="+labels[k])
	}
	return strings.Join(pairs, ",")
}

func podSelectorCell(s model.LabelSelector) string {
	parts := []string{}
	if l := labelsCell(s.MatchLabels); l != "" {
		parts = append(parts, l)
	}
	for _, e := range s.MatchExpressions {
		part := e.Key + " " + e.Operator
		if len(e.Values) > 0 {
			part += " (" + strings.Join(e.Values, " ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// printTables prints one table, or, of several kinds, one for each that has resources, under its name.
func printTables(w io.Writer, resources []model.Resource, kinds []model.Kind, wide, namespaces bool) {
	for _, k := range kinds {
		var rows []model.Resource
		for _, r := range resources {
			if r.Key().Kind == k {
				rows = append(rows, r)
			}
		}
		if len(kinds) > 1 {
			if len(rows) == 0 {
				continue
			}
			fmt.Fprintln(w, k)
		}
		printTable(w, k, rows, wide, namespaces && k.Namespaced())
	}
}

// printTable is laid out as calicoctl lays out its tables, with an empty line at the end.
func printTable(w io.Writer, k model.Kind, rows []model.Resource, wide, namespaces bool) {
	columns := slices.DeleteFunc(tableColumns(k), func(c column) bool { return c.wide && !wide })
	if namespaces {
		columns = append([]column{{heading: "NAMESPACE", cell: func(r model.Resource) string { return r.Meta().Namespace }}}, columns...)
	}
	tw := tabwriter.NewWriter(w, 5, 1, 3, ' ', 0)
	for _, c := range columns {
		fmt.Fprint(tw, c.heading+"\t")
	}
	fmt.Fprintln(tw)
	for _, r := range rows {
		for _, c := range columns {
			fmt.Fprint(tw, c.cell(r)+"\t")
		}
		fmt.Fprintln(tw)
	}
	fmt.Fprintln(tw)
	tw.Flush()
}
