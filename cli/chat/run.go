package chat

import (
	"context"
	"fmt"
	"io"

	tea "github.com/charmbracelet/bubbletea"
)

// Run shows the screen until the person leaves it or ctx ends.
func Run(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	if cfg.Order == Program {
		// Terminals that know nothing of this ignore it.
		if _, err := fmt.Fprint(out, explicitOrder); err != nil {
			return fmt.Errorf("chat: writing to the terminal: %w", err)
		}
		defer func() { _, _ = fmt.Fprint(out, implicitOrder) }()
	}
	p := tea.NewProgram(model{ctx: ctx, cfg: cfg}, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen())
	if _, err := p.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("chat: %w", err)
	}
	return nil
}
