package ftp

import "picket/traffic/app"

// Transfer is what a data connection carries.
type Transfer struct {
	Command string // RETR, STOR, LIST or NLST
	Name    []byte // as the command gave it; nil for lists
	Dir     app.Direction
}

// Data returns the table entry of the data connections. They are not recognised but announced.
func Data() app.Protocol {
	return app.Protocol{Proto: app.FTPData, TCP: true, New: func(cfg *app.Config) app.Parser {
		if cfg == nil {
			cfg = app.Default()
		}
		return &dataParser{cfg: cfg}
	}}
}

// dataParser is the state of a data connection: its bytes are the file.
type dataParser struct {
	cfg      *app.Config
	transfer *Transfer
	txs      app.Transactions
	tx       *app.Transaction
	file     *app.File
}

// Receive implements app.Receiver.
func (p *dataParser) Receive(data any) { p.transfer, _ = data.(*Transfer) }

func (p *dataParser) Transactions() *app.Transactions { return &p.txs }

// Gap notes that a part of the file is missing.
func (p *dataParser) Gap(dir app.Direction, _ uint32) bool {
	if p.file != nil && dir == p.transfer.Dir {
		p.file.Gaps = true
	}
	return true
}

// Parse adds bytes to the file, which ends with the connection.
func (p *dataParser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	r := app.Result{Consumed: len(data)}
	if p.transfer == nil || dir != p.transfer.Dir {
		return r
	}
	if len(data) > 0 {
		p.open()
		p.file.Write(data)
	}
	if eof && p.file != nil {
		p.file.Close(app.FileClosed)
		p.tx.Progress[dir] = app.Done
	}
	return r
}

func (p *dataParser) open() {
	if p.file != nil {
		return
	}
	p.tx = p.txs.Add(app.FTPData, p.transfer)
	p.tx.Progress[p.transfer.Dir.Reverse()] = app.Done
	p.file = p.cfg.NewFile(1, p.transfer.Name)
	if p.transfer.Name != nil {
		p.tx.Files[p.transfer.Dir] = []*app.File{p.file}
	}
}
