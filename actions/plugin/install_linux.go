package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

// Source is where a plugin is installed from: a URL (https, http, file) of a zip, a tar (plain, gz, xz, zst) or a single
// JSON file. What is fetched must have the checksum, or a signature by the key at URL + ".sig".
type Source struct {
	URL    string
	SHA256 string // of the file, in hex
	Key    string // an Ed25519 public key in base64; the signature is the file's, in base64
}

const (
	maxDownload = 64 << 20
	maxUnpacked = 256 << 20
	maxEntries  = 4096
	maxPath     = 255
	fetchWithin = 5 * time.Minute
)

// Install fetches a source, checks it, and puts it into a folder of dir named name, in the place of what was there, at
// once. When anything is wrong what was there stays. What it replaces is kept as .name.old until the next time, for
// plugins that run meanwhile. It returns the plugins that it holds.
func Install(ctx context.Context, dir, name string, s Source) ([]*Manifest, error) {
	if !textkey.MatchString(name) || strings.Trim(name, ".") == "" {
		return nil, fmt.Errorf("install %q: the name of a plugin's folder has lower case letters, digits, dots and _", name)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	data, err := fetch(ctx, s.URL)
	if err == nil {
		err = s.check(ctx, data)
	}
	if err != nil {
		return nil, fmt.Errorf("install %s: %w", s.URL, err)
	}
	list, err := put(data, path.Base(s.URL), dir, name)
	if err != nil {
		return nil, fmt.Errorf("install %s: %w", s.URL, err)
	}
	return list, nil
}

// put unpacks what was fetched, and puts it in the place of the folder, if it holds plugins that can be used.
func put(data []byte, file, dir, name string) ([]*Manifest, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	clearAway(dir)
	fresh, err := os.MkdirTemp(dir, installing)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(fresh)
	if err := errors.Join(unpack(data, file, fresh), readable(fresh)); err != nil {
		return nil, err
	}
	list, faults := ofFolder(hoist(fresh))
	if len(list) == 0 {
		return nil, fmt.Errorf("it holds no plugin that can be used: %w", errors.Join(append(faults, errors.New("a plugin.json or another *.json is wanted"))...))
	}
	to := filepath.Join(dir, name)
	if err := taken(list, dir, to); err != nil {
		return nil, err
	}
	if err := replace(hoist(fresh), to, filepath.Join(dir, "."+name+".old")); err != nil {
		return nil, err
	}
	list, _ = ofFolder(to)
	return list, nil
}

// taken is an error when a plugin has the textkey of another folder's: no source may take another one's place.
func taken(list []*Manifest, dir, to string) error {
	others, _ := Load(dir) // those with faults have no place
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	for _, m := range list {
		for _, other := range others {
			if other.Textkey == m.Textkey && other.dir != to {
				return fmt.Errorf("textkey %s is that of %s (remove that one first)", m.Textkey, other.path)
			}
		}
	}
	return nil
}

// installing is the pattern of folders in which something is unpacked.
const installing = ".install-*"

// clearAway removes what a picket has left that was killed while it installed.
func clearAway(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, installing)) // the pattern is right
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > fetchWithin {
			_ = os.RemoveAll(path) // it harms nothing but room
		}
	}
}

// fetch reads a URL, bounded.
func fetch(ctx context.Context, from string) ([]byte, error) {
	u, err := url.Parse(from)
	if err != nil {
		return nil, err
	}
	var body io.ReadCloser
	switch u.Scheme {
	case "file", "":
		body, err = os.Open(u.Path)
	case "http", "https":
		body, err = get(ctx, from)
	default:
		err = fmt.Errorf("%s: only https, http and file can be fetched", u.Scheme)
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxDownload+1))
	if err == nil && len(data) > maxDownload {
		err = fmt.Errorf("it has more than %d bytes", maxDownload)
	}
	return data, err
}

func get(ctx context.Context, from string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("the server answers %s", resp.Status)
	}
	return resp.Body, nil
}

// check holds what was fetched against the checksum and the signature. One of them is needed.
func (s *Source) check(ctx context.Context, data []byte) error {
	if s.SHA256 == "" && s.Key == "" {
		sum := sha256.Sum256(data)
		return fmt.Errorf("neither a checksum nor a key was given; its SHA-256 is %s (look at it, then give --sha256)", hex.EncodeToString(sum[:]))
	}
	if s.SHA256 != "" {
		if sum := sha256.Sum256(data); !strings.EqualFold(s.SHA256, hex.EncodeToString(sum[:])) {
			return fmt.Errorf("its SHA-256 is %s, not %s: it is not the file that was meant", hex.EncodeToString(sum[:]), s.SHA256)
		}
	}
	if s.Key == "" {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(s.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errors.New("the key is no Ed25519 public key in base64 (44 characters)")
	}
	text, err := fetch(ctx, s.URL+".sig")
	if err != nil {
		return fmt.Errorf("fetch its signature: %w", err)
	}
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || !ed25519.Verify(key, data, sig) {
		return errors.New("its signature is not the key's")
	}
	return nil
}

// unpack writes an archive, known by its first bytes, or a single file into dir.
func unpack(data []byte, name, dir string) error {
	return unpackWithin(data, name, dir, room{maxUnpacked, maxEntries})
}

// room is how much an archive may hold.
type room struct {
	bytes   int64
	entries int
}

// unpackWithin writes no more than there is room for.
func unpackWithin(data []byte, name, dir string, most room) error {
	w := &unpacker{dir: dir, most: most, left: most, seen: map[string]string{}}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return w.zip(data)
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return w.compressed(gzip.NewReader(bytes.NewReader(data)))
	case bytes.HasPrefix(data, []byte("\xfd7zXZ\x00")):
		return w.compressed(xz.NewReader(bytes.NewReader(data)))
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxMemory(maxUnpacked))
		if err != nil {
			return err
		}
		defer r.Close()
		return w.tar(r)
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return w.tar(bytes.NewReader(data))
	}
	return w.file(name, 0o644, bytes.NewReader(data))
}

// unpacker writes entries below a folder, within bounds.
type unpacker struct {
	dir  string
	most room
	left room
	seen map[string]string // names, by themselves in lower case
}

// compressed unpacks a tar behind a decompressor, as its constructor returns it.
func (w *unpacker) compressed(r io.Reader, err error) error {
	if err != nil {
		return err
	}
	return w.tar(r)
}

func (w *unpacker) zip(data []byte) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range r.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if !f.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", f.Name)
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		err = errors.Join(w.file(f.Name, f.Mode(), in), in.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *unpacker) tar(r io.Reader) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
		case tar.TypeReg:
			if err := w.file(h.Name, h.FileInfo().Mode(), in); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is neither a file nor a folder", h.Name)
		}
	}
}

// file writes one entry. A name that would leave the folder is an error; nothing else of the archive is used then.
func (w *unpacker) file(name string, mode fs.FileMode, from io.Reader) error {
	if w.left.entries--; w.left.entries < 0 {
		return fmt.Errorf("it holds more than %d files", w.most.entries)
	}
	if !filepath.IsLocal(name) || len(name) > maxPath || strings.ContainsRune(name, 0) || strings.Contains(name, `\`) {
		return fmt.Errorf("%q would lie outside of the plugin's folder", name)
	}
	lower := strings.ToLower(filepath.Clean(name))
	if other, clash := w.seen[lower]; clash {
		return fmt.Errorf("%q and %q are one file where case does not count", name, other)
	}
	w.seen[lower] = name
	to := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644|mode.Perm()&0o111)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, w.left.bytes+1))
	if w.left.bytes -= n; w.left.bytes < 0 {
		err = fmt.Errorf("it unpacks to more than %d bytes", w.most.bytes)
	}
	return errors.Join(err, out.Close())
}

// readable lets the plugin's user in, whatever picket's umask is.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
}

// hoist is the folder that holds the plugin: the archive's single top folder, if it has one.
func hoist(dir string) string {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) == 1 && entries[0].IsDir() {
		return filepath.Join(dir, entries[0].Name())
	}
	return dir
}

// ofFolder reads the plugins of one plugin's folder.
func ofFolder(dir string) (list []*Manifest, faults []error) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, f := range files {
		m, err := Read(f)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		list = append(list, m)
	}
	return list, faults
}

// replace puts a folder in the place of another one, which goes to old. Where the file system can exchange names there is
// no moment without either.
func replace(fresh, to, old string) error {
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return os.Rename(fresh, old)
	case errors.Is(err, unix.ENOENT): // nothing to exchange it with
		return os.Rename(fresh, to)
	}
	if err := os.Rename(to, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, to); err != nil {
		return errors.Join(err, os.Rename(old, to))
	}
	return nil
}
