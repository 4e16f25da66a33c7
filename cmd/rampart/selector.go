package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rampart/model/selector"
)

func newSelectorCommand(e *env) *cobra.Command {
	var (
		labels, batch, output string
	)
	cmd := &cobra.Command{
		Use:   "selector EXPRESSION",
		Short: "Check a label selector, print its canonical text, and evaluate it",
		Long: `Check a label selector and print its canonical text. With --labels also tell whether it matches them.

In bulk, --batch reads one JSON object a line and writes one for each:
  {"selector":"role == 'db'","labels":[{"role":"db"},{}]}
  {"valid":true,"canonical":"role == \"db\"","matches":[true,false]}
  {"valid":false,"error":"...","column":7}

Exit codes: 0 valid (in bulk: all lines were read); 1 not valid; 2 wrong usage.`,
		Example: `  rampart selector "role in {'db', 'web'} && !has(test)" --labels role=db,zone=a
  rampart selector --batch selectors.ndjson -o ndjson`,
		ValidArgsFunction: argumentWords(),
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case batch == "" && len(args) != 1:
				return &usageError{errors.New("selector needs one expression (in quotes), or --batch")}
			case batch != "" && len(args) > 0:
				return &usageError{errors.New("selector takes an expression or --batch, not both")}
			case batch != "" && output != "" && output != "ndjson":
				return usagef("--batch writes ndjson, not %s", output)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch != "" {
				return selectorBatch(e, batch)
			}
			q := selectorQuery{Selector: args[0]}
			if cmd.Flags().Changed("labels") {
				l, err := parseLabels(labels)
				if err != nil {
					return err
				}
				q.Labels = []selector.Map{l}
			}
			if output == "json" || output == "ndjson" {
				return selectorJSON(e, q)
			}
			return selectorText(e, q)
		},
	}
	cmd.Flags().StringVar(&labels, "labels", "", "evaluate the selector on these labels, `K=V,...`")
	cmd.Flags().StringVar(&batch, "batch", "", "read queries from `FILE`, or from standard input if -")
	outputFlag(cmd, &output, "", "text", "json", "ndjson")
	return cmd
}

// parseLabels reads "k=v,k=v"; "" is no labels.
func parseLabels(text string) (selector.Map, error) {
	labels := selector.Map{}
	if text == "" {
		return labels, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return nil, &usageError{fmt.Errorf("--labels: %q is not of the form k=v", pair)}
		}
		labels[k] = v
	}
	return labels, nil
}

// selectorQuery asks about one selector and, for each label set, whether it matches.
type selectorQuery struct {
	Selector string         `json:"selector"`
	Labels   []selector.Map `json:"labels"`
}

// selectorAnswer is what is said about a selector: Canonical and Matches when it is valid, else Error and Column.
type selectorAnswer struct {
	Valid     bool   `json:"valid"`
	Canonical string `json:"canonical,omitempty"`
	Matches   []bool `json:"matches,omitzero"`
	Error     string `json:"error,omitempty"`
	Column    int    `json:"column,omitempty"`
}

func (q selectorQuery) answer() selectorAnswer {
	s, err := parseSelector(q.Selector)
	if err != nil {
		return selectorAnswer{Error: err.Msg, Column: err.Column}
	}
	a := selectorAnswer{Valid: true, Canonical: s.String(), Matches: []bool{}}
	for _, l := range q.Labels {
		a.Matches = append(a.Matches, s.Matches(l))
	}
	return a
}

// parseSelector also has the length limit that a policy's selector has.
func parseSelector(text string) (*selector.Selector, *selector.Error) {
	if len(text) > selector.MaxLength {
		return nil, &selector.Error{Column: selector.MaxLength + 1, Offset: selector.MaxLength,
			Msg: fmt.Sprintf("may not be more than %d bytes", selector.MaxLength)}
	}
	s, err := selector.Parse(text)
	var e *selector.Error
	errors.As(err, &e)
	return s, e
}

func selectorText(e *env, q selectorQuery) error {
	s, err := parseSelector(q.Selector)
	if err != nil {
		fmt.Fprintf(e.stderr, "rampart: invalid selector, column %d: %s\n", err.Column, err.Msg)
		if !strings.ContainsAny(q.Selector, "\t\r\n") && len(q.Selector) <= selector.MaxLength {
			fmt.Fprintf(e.stderr, "  %s\n  %*s\n", q.Selector, err.Column, "^")
		}
		return &exitError{1}
	}
	fmt.Fprintf(e.stdout, "valid\ncanonical: %s\n", s)
	for _, l := range q.Labels {
		fmt.Fprintf(e.stdout, "matches: %v\n", s.Matches(l))
	}
	return nil
}

func selectorJSON(e *env, q selectorQuery) error {
	a := q.answer()
	if err := jsonLines(e.stdout).Encode(a); err != nil {
		return err
	}
	if !a.Valid {
		return &exitError{1}
	}
	return nil
}

func selectorBatch(e *env, file string) error {
	in, err := e.open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriter(e.stdout)
	err = answerSelectors(in, jsonLines(out))
	return errors.Join(err, out.Flush())
}

// answerSelectors answers line by line. A line that is no query ends it, since the answers would no longer line up.
func answerSelectors(in io.Reader, out *json.Encoder) error {
	r := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			var q selectorQuery
			if err := json.Unmarshal(line, &q); err != nil {
				return fmt.Errorf("line %d: %w", n, plainJSONError(err))
			}
			if err := out.Encode(q.answer()); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// plainJSONError says what is wrong without naming Go's types.
func plainJSONError(err error) error {
	var t *json.UnmarshalTypeError
	switch {
	case errors.As(err, &t) && t.Field != "":
		return fmt.Errorf("%s: a %s is not allowed here", t.Field, t.Value)
	case errors.As(err, &t):
		return fmt.Errorf("a %s where an object with selector and labels is expected", t.Value)
	}
	return err
}

// jsonLines writes one JSON value a line, with & and < as they are.
func jsonLines(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}
