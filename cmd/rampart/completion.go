package main

import (
	"github.com/spf13/cobra"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that teaches a shell to complete commands",
		Long: `Print a script for bash, zsh, fish or powershell. Once the shell has read it, it completes rampart's commands, their flags
and the words that both take.

Exit codes: 0 printed; 1 it could not be written; 2 wrong usage.`,
		Example: `  source <(rampart completion bash)
  rampart completion zsh > "${fpath[1]}/_rampart"
  rampart completion fish > ~/.config/fish/completions/rampart.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("completion needs a shell: %s", alternatives(shells))
			}
			for _, s := range shells {
				if s == args[0] {
					return nil
				}
			}
			return &usageError{unknownWord("shell", args[0], shells)}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(e.stdout, true)
			case "zsh":
				return root.GenZshCompletion(e.stdout)
			case "fish":
				return root.GenFishCompletion(e.stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(e.stdout)
		},
	}
}

// argumentWords completes a command's arguments: the first ones from these lists, and nothing after them. No argument is a file.
func argumentWords(lists ...[]string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) < len(lists) {
			return lists[len(args)], cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// newHelpCommand is cobra's, except that it fails for a command that does not exist.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Long: `Show the help of a command, as COMMAND --help does.

Exit codes: 0 shown; 2 there is no such command.`,
		Example: `  rampart help explain`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, so string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return argumentWords(commandNames(cmd.Root()))(cmd, args, so)
		},
		Args: func(cmd *cobra.Command, args []string) error {
			if found, _, err := cmd.Root().Find(args); len(args) > 0 && (err != nil || found == cmd.Root()) {
				return unknownCommand(cmd.Root(), args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			found, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// unknownCommand says which command was probably meant.
func unknownCommand(root *cobra.Command, name string) error {
	return &usageError{unknownWord("command", name, commandNames(root))}
}

func commandNames(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}
