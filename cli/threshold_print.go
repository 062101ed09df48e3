package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pars-network/pars/cli/threshold"
)

type ceremonyJSON struct {
	Ceremony string `json:"ceremony"`
	Round    int    `json:"round"`
	Rounds   int    `json:"rounds"`
}

type unfinishedJSON struct {
	Version int    `json:"version"`
	State   string `json:"state"` // waiting or failed
	ceremonyJSON
	Missing    []string `json:"missing"`
	Unreadable []string `json:"unreadable,omitempty"`
	Blamed     []string `json:"blamed,omitempty"`
	Proven     bool     `json:"proven,omitempty"`
	Reason     string   `json:"reason,omitempty"`
}

type thresholdMemberJSON struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	PublicKey   string `json:"public_key"`
}

type groupJSON struct {
	ID        string                `json:"id"`
	Label     string                `json:"label"`
	Suite     string                `json:"suite"`
	SuiteID   int                   `json:"suite_id"`
	Threshold int                   `json:"threshold"`
	Self      int                   `json:"self"`
	GroupKey  string                `json:"group_key"`
	Members   []thresholdMemberJSON `json:"members"`
}

func hexa(b []byte) string { return "0x" + hex.EncodeToString(b) }

func groupOf(g *threshold.Group) groupJSON {
	out := groupJSON{
		ID: g.ID(), Label: g.Label, Suite: g.Suite.String(), SuiteID: int(g.Suite.ID()), Threshold: g.Threshold, Self: int(g.Self), GroupKey: hexa(g.Key),
	}
	for i, m := range g.Members {
		out.Members = append(out.Members, thresholdMemberJSON{i + 1, m.Name, m.Fingerprint(), hexa(g.PublicKeys[i])})
	}
	return out
}

func (a *app) thresholdInit(t thresholdFlags, name string) error {
	cfg, err := a.thresholdConfig(t, true)
	if err != nil {
		return err
	}
	h, err := threshold.Create(cfg, name)
	if err != nil {
		return err
	}
	m := h.Self()
	if err := h.Close(); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(memberJSON(m, cfg.Dir, ""))
	}
	a.print(a.say(msgThresholdCreated, a.ltr(cfg.Dir)))
	a.print(a.say(msgThresholdFingerprint, a.ltr(m.Fingerprint())))
	a.print(a.say(msgThresholdCardNext, a.ltr("parsctl threshold card")))
	return nil
}

type ownMemberJSON struct {
	Version     int    `json:"version"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	Home        string `json:"home,omitempty"`
	Card        string `json:"card,omitempty"`
}

func memberJSON(m threshold.Member, home, card string) ownMemberJSON {
	return ownMemberJSON{1, m.Name, m.Fingerprint(), home, card}
}

func (a *app) thresholdCard(t thresholdFlags, file string) error {
	return a.at(t, func(h *threshold.Home) error {
		m := h.Self()
		card, err := h.Card()
		if err != nil {
			return err
		}
		if file == "" {
			file = m.Name + ".member"
		}
		if err := os.WriteFile(file, card, 0o644); err != nil {
			return fmt.Errorf("writing the card: %w", err)
		}
		if a.json {
			return a.printJSON(memberJSON(m, "", file))
		}
		a.print(a.say(msgThresholdCard, a.ltr(file)))
		a.print(a.say(msgThresholdFingerprint, a.ltr(m.Fingerprint())))
		return nil
	})
}

func (a *app) thresholdList(t thresholdFlags) error {
	return a.at(t, func(h *threshold.Home) error {
		groups, err := h.Groups()
		if err != nil {
			return err
		}
		if a.json {
			list := struct {
				Version int         `json:"version"`
				Groups  []groupJSON `json:"groups"`
			}{1, []groupJSON{}}
			for _, g := range groups {
				list.Groups = append(list.Groups, groupOf(g))
			}
			return a.printJSON(list)
		}
		if len(groups) == 0 {
			a.print(a.say(msgThresholdNoGroups, a.ltr("parsctl threshold dkg")))
		}
		for _, g := range groups {
			a.print(a.groupLine(g) + "  " + a.ltr(g.ID()))
		}
		return nil
	})
}

func (a *app) groupLine(g *threshold.Group) string {
	return a.say(msgThresholdGroup, a.free(g.Label), a.digits(strconv.Itoa(g.Threshold)), a.digits(strconv.Itoa(len(g.Members))), a.ltr(g.Suite.String()))
}

func (a *app) thresholdShow(t thresholdFlags, which string) error {
	return a.at(t, func(h *threshold.Home) error {
		g, err := h.Group(which)
		if err != nil {
			return err
		}
		return a.printGroup(g, nil)
	})
}

// printGroup shows a group; c is the key generation that has just made it.
func (a *app) printGroup(g *threshold.Group, c *ceremonyJSON) error {
	if a.json {
		out := struct {
			Version int    `json:"version"`
			State   string `json:"state"`
			*ceremonyJSON
			Group groupJSON `json:"group"`
		}{1, "done", c, groupOf(g)}
		return a.printJSON(out)
	}
	a.print(a.groupLine(g))
	a.print(a.say(msgThresholdGroupID, a.ltr(g.ID())))
	a.print(a.say(msgThresholdKey, a.ltr(hexa(g.Key))))
	for i, m := range g.Members {
		a.print(fmt.Sprintf("  %s  %s  %s", a.digits(strconv.Itoa(i+1)), a.free(m.Name), a.ltr(m.Fingerprint())))
	}
	return nil
}

func (a *app) printSignature(g *threshold.Group, order threshold.Order, c threshold.Ceremony, sig []byte) error {
	if a.json {
		return a.printJSON(struct {
			Version int    `json:"version"`
			State   string `json:"state"`
			ceremonyJSON
			SuiteID   int      `json:"suite_id"`
			GroupKey  string   `json:"group_key"`
			Message   string   `json:"message"`
			Signature string   `json:"signature"`
			Signers   []string `json:"signers"`
		}{1, "done", ceremonyJSON{c.String(), 2, 2}, int(g.Suite.ID()), hexa(g.Key), hexa(order.Message), hexa(sig), order.Signers})
	}
	a.print(a.say(msgThresholdSignature, a.ltr(hexa(sig))))
	a.print(a.say(msgThresholdCheck, a.ltr(fmt.Sprintf(
		"cast call 0x0000000000000000000000000000000000000800 'verify(uint8,bytes,bytes,bytes)(bool)' %d %s %s %s --rpc-url http://127.0.0.1:8545",
		g.Suite.ID(), hexa(g.Key), hexa(order.Message), hexa(sig)))))
	return nil
}

// explainThreshold is what to tell a person about an error of package
// threshold, empty for any other.
func (a *app) explainThreshold(err error) string {
	if f := (*threshold.Failure)(nil); errors.As(err, &f) {
		var names []string
		for _, n := range f.Blamed {
			names = append(names, a.free(n))
		}
		k := msgThresholdSuspects
		if f.Proven {
			k = msgThresholdBlamed
		}
		return a.say(k, a.free(f.Reason), strings.Join(names, " / "))
	}
	for _, c := range []struct {
		err error
		key key
	}{
		{threshold.ErrNoHome, msgErrThresholdHome}, {threshold.ErrExists, msgErrThresholdExists}, {threshold.ErrPassphrase, msgErrThresholdPassphrase},
		{threshold.ErrLocked, msgErrThresholdLocked}, {threshold.ErrCard, msgErrThresholdCard}, {threshold.ErrSetup, msgErrThresholdSetup},
		{threshold.ErrName, msgErrThresholdName}, {threshold.ErrDamaged, msgErrThresholdDamaged},
	} {
		if errors.Is(err, c.err) {
			if a.lang == english {
				return err.Error()
			}
			return a.say(c.key) + " (" + a.ltr(err.Error()) + ")"
		}
	}
	return ""
}

// thresholdExit is the exit code of an error of package threshold.
func thresholdExit(err error) (int, bool) {
	f := (*threshold.Failure)(nil)
	switch {
	case errors.As(err, &f):
		return ExitFailed, true
	case errors.Is(err, threshold.ErrSetup), errors.Is(err, threshold.ErrName), errors.Is(err, threshold.ErrCard):
		return ExitUsage, true
	case errors.Is(err, threshold.ErrNoHome):
		return ExitNotFound, true
	case errors.Is(err, threshold.ErrExists), errors.Is(err, threshold.ErrPassphrase), errors.Is(err, threshold.ErrLocked), errors.Is(err, threshold.ErrDamaged):
		return ExitRefused, true
	}
	return 0, false
}
