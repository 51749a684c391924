package sensor

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStandIn: a full and a read-only state directory get a stand-in, which is kept over kill -9 and goes home as a whole.
func TestStandIn(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, flags := range map[string]uintptr{"full": 0, "read-only": syscall.MS_RDONLY} {
		t.Run(name, func(t *testing.T) {
			home, root := t.TempDir(), t.TempDir()
			if err := syscall.Mount("picket", home, "tmpfs", 0, "size=2m"); err != nil {
				t.Skipf("mount a small disk: %v (needs root)", err)
			}
			defer func() { _ = syscall.Unmount(home, syscall.MNT_DETACH) }()
			put := func(dir, name, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			holds := func(dir, name, want string) {
				t.Helper()
				if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != want {
					t.Errorf("%s holds %q, want %q (%v)", name, text, want, err)
				}
			}
			put(home, "bans.journal", "old")
			put(home, "incidents.db-wal", "log")
			ballast := filepath.Join(home, "captures")
			if err := os.Mkdir(ballast, 0o700); err != nil {
				t.Fatal(err)
			}
			_ = os.WriteFile(filepath.Join(ballast, "full"), make([]byte, 3<<20), 0o600) // as much as there is room for
			if err := syscall.Mount("", home, "", syscall.MS_REMOUNT|flags, "size=2m"); err != nil {
				t.Fatal(err)
			}
			s, err := openState(home, root, log)
			if err != nil || s.dir == home {
				t.Fatal(s, err)
			}
			holds(s.dir, "bans.journal", "old")
			put(s.dir, "bans.journal", "new")
			if err := os.Remove(filepath.Join(s.dir, "incidents.db-wal")); err != nil {
				t.Fatal(err)
			}
			again, err := openState(home, root, log) // killed, started again
			if err != nil || again.dir != s.dir || again.of(home) != s.dir {
				t.Fatal(again, err)
			}
			again.close() // stopped: there is no room yet
			holds(home, "bans.journal", "old")
			if err := syscall.Mount("", home, "", syscall.MS_REMOUNT, "size=2m"); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(ballast); err != nil {
				t.Fatal(err)
			}
			back, err := openState(home, root, log)
			if err != nil || back.dir != home {
				t.Fatal(back, err)
			}
			holds(home, "bans.journal", "new")
			if left := append(stateFiles(home), stateFiles(root)...); len(left) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
