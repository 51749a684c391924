package fail2ban

import (
	"context"
	"slices"
	"strings"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
)

// entry is one line of a status: (title, value).
func entry(title string, value any) pickle.Tuple { return pickle.Tuple{title, value} }

// status answers status, status --all [FLAVOR] and status JAIL [FLAVOR].
func (a answerer) status(ctx context.Context, args words) (any, error) {
	flavor := "basic"
	switch {
	case len(args) > 2:
		return nil, errInvalidStatus
	case len(args) == 2:
		flavor = pickle.Text(args[1])
	}
	if len(args) == 0 {
		return a.statusOfAll(ctx, "")
	}
	name := pickle.Text(args[0])
	if name == "--all" {
		return a.statusOfAll(ctx, flavor)
	}
	r, err := a.host.Jail(ctx, name)
	if err != nil {
		return nil, named(name, err)
	}
	return jailStatus(&r, flavor)
}

// statusOfAll lists the jails, sorted; with a flavor the status of each follows.
func (a answerer) statusOfAll(ctx context.Context, flavor string) (any, error) {
	names, err := a.host.Jails(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := pickle.List{entry("Number of jail", len(names)), entry("Jail list", strings.Join(names, ", "))}
	if flavor == "" {
		return all, nil
	}
	each := pickle.Dict{}
	for _, name := range names {
		r, err := a.host.Jail(ctx, name)
		if err != nil {
			continue // it was stopped in between
		}
		status, err := jailStatus(&r, flavor)
		if err != nil {
			return nil, err
		}
		each = append(each, pickle.Pair{Key: name, Value: status})
	}
	return append(all, each), nil
}

// jailStatus is the tree of one jail. Unknown flavors count as basic.
func jailStatus(r *rules.Report, flavor string) (any, error) {
	switch flavor {
	case "cymru":
		return nil, valueError("the flavor cymru asks a third party about every banned address; picket does not")
	case "stats":
		return counts(r), nil
	}
	filter := pickle.List{entry("Currently failed", r.Failing), entry("Total failed", int(r.Failures))}
	if len(r.Settings.Logs) == 0 && len(r.Settings.Journal) > 0 {
		filter = append(filter, entry("Journal matches", pickle.List{journalText(r.Settings.Journal)}))
	} else {
		filter = append(filter, entry("File list", r.Files))
	}
	actions := pickle.List{entry("Currently banned", len(r.Banned)), entry("Total banned", int(r.Bans))}
	if flavor != "short" {
		actions = append(actions, entry("Banned IP list", banned(r)))
	}
	return pickle.List{entry("Filter", filter), entry("Actions", actions)}, nil
}

func journalText(alternatives [][]string) string {
	var texts []string
	for _, words := range alternatives {
		texts = append(texts, strings.Join(words, " "))
	}
	return strings.Join(texts, " + ")
}

// banned lists who is banned, the earliest ban first.
func banned(r *rules.Report) []string {
	ids := make([]string, 0, len(r.Banned))
	for i := range r.Banned {
		ids = append(ids, r.Banned[i].ID)
	}
	return ids
}

// counts is a jail in the table of stats: its backend, and current and total of failures and of bans.
func counts(r *rules.Report) pickle.List {
	return pickle.List{
		backend(r), pickle.Tuple{r.Failing, int(r.Failures)}, pickle.Tuple{len(r.Banned), int(r.Bans)},
	}
}

// backend is how the lines come, in fail2ban's words.
func backend(r *rules.Report) string {
	if len(r.Settings.Logs) == 0 && len(r.Settings.Journal) > 0 {
		return "systemd"
	}
	if b := r.Settings.Backend; b != "" && b != "auto" {
		return b
	}
	return "picket"
}

// statistics is a table of all jails, sorted.
func (a answerer) statistics(ctx context.Context, _ words) (any, error) {
	all := pickle.Dict{}
	err := a.each(ctx, func(name string, r *rules.Report) {
		all = append(all, pickle.Pair{Key: name, Value: counts(r)})
	})
	slices.SortFunc(all, func(a, b pickle.Pair) int { return strings.Compare(pickle.Text(a.Key), pickle.Text(b.Key)) })
	return all, err
}

// each calls f for the report of each jail; those that stop meanwhile are passed over.
func (a answerer) each(ctx context.Context, f func(name string, r *rules.Report)) error {
	names, err := a.host.Jails(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if r, err := a.host.Jail(ctx, name); err == nil {
			f(name, &r)
		}
	}
	return nil
}

// banned lists who is banned in each jail, or in which jails each of some parties is.
func (a answerer) banned(ctx context.Context, args words) (any, error) {
	var jails pickle.List
	wanted := sameIDs(args.texts(0))
	in := make([][]string, len(wanted))
	err := a.each(ctx, func(name string, r *rules.Report) {
		ids := banned(r)
		jails = append(jails, pickle.Dict{{Key: name, Value: ids}})
		for i, id := range wanted {
			if slices.Contains(ids, id) {
				in[i] = append(in[i], name)
			}
		}
	})
	if err != nil || len(args) == 0 {
		return jails, err
	}
	lists := pickle.List{}
	for _, names := range in {
		lists = append(lists, names)
	}
	return lists, nil
}

// unban lifts bans in all jails.
func (a answerer) unban(ctx context.Context, args words) (any, error) {
	if len(args) == 0 {
		return nil, errInvalid
	}
	if len(args) == 1 && args[0] == "--all" {
		n, err := a.host.UnbanAll(ctx, "")
		return n, err
	}
	n, _, err := a.host.UnbanIn(ctx, "", args.texts(0))
	return n, err
}
