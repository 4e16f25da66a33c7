package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rampart/conf/schema"
	"rampart/engine/api"
)

// Flags that several commands have are the same in each: the same name, the same words, the same mistakes.

// fileFlag is -f, the policy files to read.
func fileFlag(cmd *cobra.Command, files *[]string) {
	cmd.Flags().VarP(&paths{files}, fileFlagName, "f", "policy `PATH`: a file, a directory, or - for standard input; may be repeated")
}

const fileFlagName = "file"

// paths implements pflag.SliceValue, which collects the paths of a flag that may be repeated.
type paths struct{ list *[]string }

var (
	_ pflag.Value      = (*paths)(nil)
	_ pflag.SliceValue = (*paths)(nil)
)

func (p *paths) String() string     { return strings.Join(*p.list, ",") }
func (p *paths) Type() string       { return "stringArray" }
func (p *paths) GetSlice() []string { return *p.list }

// Append implements pflag.SliceValue. Scripts give an empty path when a variable that should hold one is not set.
func (p *paths) Append(s string) error {
	if s == "" {
		return &usageError{fmt.Errorf("-f \"\": the path of a policy file must not be empty")}
	}
	*p.list = append(*p.list, s)
	return nil
}

// Set implements pflag.Value.
func (p *paths) Set(s string) error { return p.Append(s) }

// Replace implements pflag.SliceValue.
func (p *paths) Replace(list []string) error {
	*p.list = nil
	for _, s := range list {
		if err := p.Append(s); err != nil {
			return err
		}
	}
	return nil
}

func configFlag(cmd *cobra.Command, config *string) {
	cmd.Flags().StringVar(config, "config", "", "the daemon's configuration `FILE` (HCL, YAML or JSON)")
}

func socketFlag(cmd *cobra.Command, socket *string) {
	cmd.Flags().StringVar(socket, "socket", api.DefaultSocket, "`PATH` of the daemon's socket")
}

// outputFlag is -o. Without a default one of the formats must be given, or the command chooses.
func outputFlag(cmd *cobra.Command, output *string, standard string, formats ...string) {
	wordFlag(cmd, output, "output format", "output", "o", standard, "`FORMAT` of the output: "+alternatives(formats), formats...)
}

// wordFlag is a flag that takes one of some words. noun is what a word is called.
func wordFlag(cmd *cobra.Command, value *string, noun, name, short, standard, usage string, words ...string) {
	*value = standard
	cmd.Flags().VarP(&word{value, noun, words}, name, short, usage)
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag has just been made
	}
}

// word implements pflag.Value.
type word struct {
	value *string
	noun  string
	words []string
}

var _ pflag.Value = (*word)(nil)

func (w *word) String() string { return *w.value }
func (w *word) Type() string   { return "string" }

// Set implements pflag.Value.
func (w *word) Set(s string) error {
	if !slices.Contains(w.words, s) {
		return &usageError{unknownWord(w.noun, s, w.words)}
	}
	*w.value = s
	return nil
}

// unknownWord says which words there are and which was probably meant.
func unknownWord(noun, given string, words []string) error {
	text := fmt.Sprintf("unknown %s %q: %s", noun, given, alternatives(words))
	if s := schema.Suggest(given, words); s != "" {
		text += fmt.Sprintf("; did you mean %q?", s)
	}
	return errors.New(text)
}

// alternatives is "a, b or c".
func alternatives(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return strings.Join(words, "")
}

// flagError says what is wrong with a flag. A word that is not known says so itself.
func flagError(_ *cobra.Command, err error) error {
	var usage *usageError
	if errors.As(err, &usage) {
		return usage
	}
	return &usageError{err}
}

// noArgs refuses arguments, which are mostly files that were meant for -f.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Lookup(fileFlagName) != nil:
		return &usageError{fmt.Errorf("%s takes no arguments; name files with -f: -f %s", cmd.Name(), args[0])}
	}
	return &usageError{fmt.Errorf("%s takes no arguments: %q", cmd.Name(), args[0])}
}
