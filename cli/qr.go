package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/skip2/go-qrcode"
)

// qrPause is how long one QR code stays on the screen.
const qrPause = 350 * time.Millisecond

// showQR shows a card as an animated sequence of QR codes until it is
// interrupted: a card is ten times too long for one.
func (a *app) showQR(ctx context.Context, card string) error {
	bundle, err := identity.ParseCard([]byte(card))
	if err != nil {
		return fmt.Errorf("reading our own card: %w", err)
	}
	frames, err := bundle.Frames(identity.DefaultFrame)
	if err != nil {
		return err
	}
	pictures := make([]string, len(frames))
	for i, frame := range frames {
		code, err := qrcode.New(frame, qrcode.Low)
		if err != nil {
			return fmt.Errorf("making a QR code: %w", err)
		}
		pictures[i] = code.ToSmallString(false)
	}
	tick := time.NewTicker(qrPause)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(pictures) {
		const home = "\x1b[H\x1b[2J"
		_, _ = fmt.Fprint(a.sys.Stdout, home)
		a.print(pictures[i])
		a.print(a.say(msgQRFrame, a.digits(strconv.Itoa(i+1)), a.digits(strconv.Itoa(len(pictures)))))
		a.print(a.say(msgQRStop))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
