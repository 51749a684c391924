package capture

import (
	"errors"
	"io"
	"sync"
	"testing"
)

func TestSplitKeepsOrderAndLosesNothing(t *testing.T) {
	path := "../../shared/corpora/pcap/mixed-small.pcap"
	src, err := OpenFile(path, FileOptions{})
	if err != nil {
		t.Skipf("no capture at %s", path)
	}
	defer src.Close()
	pick := func(f *Frame) uint32 { return uint32(len(f.Data)) }
	s := NewSplit(src, 3, pick)
	var mu sync.Mutex
	var all sync.WaitGroup
	seen, disordered := 0, 0
	for _, part := range s.Sources() {
		all.Go(func() {
			var b Batch
			last := map[uint32]uint64{}
			for {
				err := part.Receive(&b)
				mu.Lock()
				for i := range b.Frames {
					f := &b.Frames[i]
					if seen++; last[pick(f)] > f.Num {
						disordered++
					}
					last[pick(f)] = f.Num
				}
				mu.Unlock()
				part.Release(&b)
				if errors.Is(err, io.EOF) {
					return
				}
			}
		})
	}
	if err := s.Run(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if seen != 108920 || disordered != 0 {
		t.Errorf("%d frames seen, %d out of order; want 108920, 0", seen, disordered)
	}
}
