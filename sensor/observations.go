package sensor

import (
	"context"
	"fmt"
	"math"
	"time"

	"picket/actions"
	"picket/rules"
	"picket/watch"
)

// A line's walk, in the one goroutine of the judge:
//
//  1. a watch.Source lends a batch of lines: files, the journal
//  2. every jail that reads that log judges each line (rules.Jail.Observe)
//  3. who failed too often is a breach: a request to the responder, through the same gate as all others
//  4. settle acknowledges the batch; only then are position and counts kept, in one write
//
// When the judge is slow or the responder's inbox is full, the lines wait where they are.
type judgeOfLines struct {
	sensor  *Sensor
	batches chan *watch.Batch
	readers map[*watch.Origin][]*jailPost // which jails read an origin
	phase   rules.Phase
}

// quietFor is how long no line has come before the logs count as caught up with: until then dates are believed,
// afterwards a line is about now.
const quietFor = time.Second

// maxOrigins bounds the memory of which jail reads what; files come and go.
const maxOrigins = 4096

func newJudge(s *Sensor) *judgeOfLines {
	return &judgeOfLines{sensor: s, batches: make(chan *watch.Batch), readers: map[*watch.Origin][]*jailPost{}, phase: rules.Starting}
}

// run judges until batches is closed.
func (j *judgeOfLines) run(ctx context.Context) error {
	quiet := time.NewTimer(quietFor)
	defer quiet.Stop()
	for {
		select {
		case b, ok := <-j.batches:
			if !ok {
				return nil
			}
			if err := j.batch(ctx, b); err != nil {
				return err
			}
			quiet.Reset(quietFor)
		case <-quiet.C:
			j.phase = rules.Live
		}
	}
}

func (j *judgeOfLines) batch(ctx context.Context, b *watch.Batch) error {
	for i := range b.Observations {
		o := &b.Observations[i]
		if j.phase == rules.Live {
			j.sensor.noteLogin(ctx, o)
		}
		for _, post := range j.jailsOf(o.Origin) {
			if breach, ok := post.jail.Observe(o, j.phase); ok {
				j.breach(ctx, &breach)
			}
		}
	}
	now := time.Now()
	for _, post := range j.sensor.jails {
		post.publish(now)
		j.sensor.tellEvicted(post, now)
	}
	j.settle(b)
	return nil
}

func (j *judgeOfLines) jailsOf(o *watch.Origin) []*jailPost {
	if have, ok := j.readers[o]; ok {
		return have
	}
	if len(j.readers) >= maxOrigins {
		clear(j.readers)
	}
	var list []*jailPost
	for _, post := range j.sensor.jails {
		if post.reads(o) {
			list = append(list, post)
		}
	}
	j.readers[o] = list
	return list
}

// breach asks for a ban. What is no address cannot be banned and is told.
func (j *judgeOfLines) breach(ctx context.Context, b *rules.Breach) {
	log := j.sensor.log
	f := j.sensor.breachFinding(b)
	j.sensor.banAtOnce(f)
	defer j.sensor.found(ctx, f) // after the ban, which must not wait for it
	if !b.Prefix.IsValid() {
		log.Warn("breach without an address: nobody to ban", "jail", b.Jail, "who", b.ID, "reason", b.Reason())
		return
	}
	if b.Observe {
		log.Info("would ban (the jail observes)", "jail", b.Jail, "prefix", actions.Text(b.Prefix), "reason", b.Reason())
		return
	}
	j.sensor.gate.History().Breach(b.Prefix.Addr(), time.Now().UnixNano())
	q := actions.Request{Prefix: b.Prefix, For: banTime(b.Seconds), Reason: fmt.Sprintf("jail %s: %s", b.Jail, b.Reason()), By: "jail " + b.Jail, Private: true}
	j.sensor.ordered(f, &q)
	if err := j.sensor.responder.Submit(ctx, q); err != nil {
		log.Error("ban not asked for", "jail", b.Jail, "prefix", actions.Text(b.Prefix), "error", err)
	}
}

// banTime turns seconds into a ban's length; 0 is for good.
func banTime(seconds float64) time.Duration {
	if seconds < 0 || seconds > math.MaxInt64/float64(time.Second) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
