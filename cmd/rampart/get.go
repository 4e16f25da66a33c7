package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rampart/conf"
	"rampart/conf/schema"
	"rampart/engine/api"
	"rampart/model"
)

// getFlags are the options of the get command.
type getFlags struct {
	files     []string
	namespace string
	all       bool
	output    string
	socket    string
}

// allKinds is the word for every kind.
const allKinds = "all"

var getOutputs = []string{"table", "wide", "yaml", "json", "hcl", "name"}

func newGetCommand(e *env) *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get KIND [NAME...]",
		Short: "Print resources, from the daemon or from files",
		Long: `Print the resources of a kind: those that are in force, from the daemon, or with -f those in files. KIND is a kind, one of
its aliases, in any case, or "all". Of kinds that live in namespaces it is those of one namespace, without -n of "default",
with -A of all.

The outputs yaml, json and hcl can be read back with -f; name is Kind/namespace/name, one a line.

Kinds and aliases:
` + kindHelp() + `
Exit codes: 0 printed; 1 a named resource does not exist, or the files are wrong; 2 wrong usage.`,
		Example: `  rampart get networkpolicies -A -f policy.d
  rampart get wep -n production -o wide
  rampart get gnp web -o hcl`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return &usageError{errors.New("get needs a kind; \"rampart get --help\" lists them")}
			case f.all && f.namespace != "":
				return &usageError{errors.New("get takes -A or -n, not both")}
			case strings.EqualFold(args[0], allKinds) && len(args) > 1:
				return &usageError{errors.New("get all takes no names")}
			}
			return nil
		},
		ValidArgsFunction: argumentWords(kindWords()),
		RunE: func(cmd *cobra.Command, args []string) error {
			return get(cmd.Context(), e, f, args[0], args[1:])
		},
	}
	fileFlag(cmd, &f.files)
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "the `NAMESPACE` (default \"default\")")
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false, "all namespaces")
	outputFlag(cmd, &f.output, "table", getOutputs...)
	socketFlag(cmd, &f.socket)
	return cmd
}

// kindWords are the words for kinds.
func kindWords() []string {
	words := []string{allKinds}
	for _, k := range model.Kinds() {
		words = append(words, k.Aliases()...)
	}
	return words
}

// kindHelp lists kinds with their short names.
func kindHelp() string {
	var b strings.Builder
	for _, k := range model.Kinds() {
		aliases := slices.DeleteFunc(slices.Clone(k.Aliases()), func(a string) bool {
			return strings.HasPrefix(a, strings.ToLower(string(k))[:len(k)-1])
		})
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-30s %s", k, strings.Join(aliases, " ")), " ") + "\n")
	}
	return b.String()
}

func get(ctx context.Context, e *env, f getFlags, kind string, names []string) error {
	kinds, err := parseKinds(kind)
	if err != nil {
		return err
	}
	if f.namespace != "" && len(kinds) == 1 && !kinds[0].Namespaced() {
		return usagef("%s is not a namespaced resource: leave -n out", kinds[0])
	}
	var resources []model.Resource
	if len(f.files) > 0 {
		resources, err = loadFiles(ctx, e, f.files)
	} else {
		resources, err = fetchFromDaemon(ctx, f.socket)
	}
	if err != nil {
		return err
	}
	everything := resources
	resources = selectResources(everything, kinds, f, names)
	for _, name := range names {
		if !slices.ContainsFunc(resources, func(r model.Resource) bool { return r.Meta().Name == name }) {
			return fmt.Errorf("resource does not exist: %s", missing(kinds[0], f, name))
		}
	}
	if len(resources) == 0 && len(names) == 0 && !f.all {
		f.all = true
		if n := len(selectResources(everything, kinds, f, nil)); n > 0 {
			fmt.Fprintf(e.stderr, "rampart: nothing in this namespace; there is something in others (%d), which -A shows\n", n)
		}
		f.all = false
	}
	return printResources(e, f, kinds, resources, len(names) == 1)
}

// fetchFromDaemon reads what is in force.
func fetchFromDaemon(ctx context.Context, socket string) ([]model.Resource, error) {
	return api.NewClient(socket).Resources(ctx, "", "", "")
}

// parseKinds resolves a kind, an alias or "all".
func parseKinds(word string) ([]model.Kind, error) {
	if strings.EqualFold(word, allKinds) {
		return model.Kinds(), nil
	}
	if k, ok := model.ParseKind(word); ok {
		return []model.Kind{k}, nil
	}
	var aliases []string
	for _, k := range model.Kinds() {
		aliases = append(aliases, k.Aliases()...)
	}
	if s := schema.Suggest(word, aliases); s != "" {
		return nil, usagef("resource type %q is not supported; did you mean %q?", word, s)
	}
	return nil, usagef("resource type %q is not supported; \"rampart get --help\" lists those that are", word)
}

// missing names a resource that does not exist as calicoctl does: NetworkPolicy(default/web).
func missing(k model.Kind, f getFlags, name string) string {
	switch {
	case !k.Namespaced() || f.all:
		return fmt.Sprintf("%s(%s)", k, name)
	case f.namespace == "":
		return fmt.Sprintf("%s(%s/%s)", k, model.DefaultNamespace, name)
	}
	return fmt.Sprintf("%s(%s/%s)", k, f.namespace, name)
}

// selectResources keeps what was asked for, sorted by kind, namespace and name.
func selectResources(resources []model.Resource, kinds []model.Kind, f getFlags, names []string) []model.Resource {
	namespace := f.namespace
	if namespace == "" {
		namespace = model.DefaultNamespace
	}
	order := map[model.Kind]int{}
	for i, k := range kinds {
		order[k] = i + 1
	}
	var out []model.Resource
	for _, r := range resources {
		k := r.Key()
		switch {
		case order[k.Kind] == 0:
		case k.Kind.Namespaced() && !f.all && k.Namespace != namespace:
		case len(names) > 0 && !slices.Contains(names, k.Name):
		default:
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b model.Resource) int {
		if d := order[a.Key().Kind] - order[b.Key().Kind]; d != 0 {
			return d
		}
		return a.Key().Compare(b.Key())
	})
	return out
}

func printResources(e *env, f getFlags, kinds []model.Kind, resources []model.Resource, single bool) error {
	w := bufio.NewWriter(e.stdout)
	var err error
	switch f.output {
	case "table", "wide":
		printTables(w, resources, kinds, f.output == "wide", f.all || f.namespace != "")
	case "name":
		for _, r := range resources {
			fmt.Fprintln(w, r.Key())
		}
	default:
		switch {
		case single && len(resources) == 1, f.output == conf.FormatHCL:
			err = conf.Encode(w, f.output, resources)
		case len(kinds) == 1:
			err = conf.EncodeList(w, f.output, kinds[0], resources)
		default:
			err = conf.EncodeList(w, f.output, "", resources)
		}
	}
	if err != nil {
		return err
	}
	return w.Flush()
}
