// Package smb reads Windows file sharing: SMB 1 (MS-CIFS), SMB 2 and 3 (MS-SMB2) in NetBIOS session frames (RFC 1002).
// Requests and their answers are transactions, and so is each transfer of a file; Data is a *Transaction. What SMB's pipes
// carry is handed to package dcerpc. It follows Suricata's rust/src/smb where detection depends on it.
package smb
