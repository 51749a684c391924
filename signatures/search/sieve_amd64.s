//go:build !purego

#include "textflag.h"

DATA foldMask<>+0(SB)/8, $0xdfdfdfdfdfdfdfdf
GLOBL foldMask<>(SB), RODATA|NOPTR, $8
DATA lowFactor<>+0(SB)/2, $0x9E37
GLOBL lowFactor<>(SB), RODATA|NOPTR, $2
DATA highFactor<>+0(SB)/2, $0x79B1
GLOBL highFactor<>(SB), RODATA|NOPTR, $2
DATA bitOf<>+0(SB)/8, $0x8040201008040201
DATA bitOf<>+8(SB)/8, $0x8040201008040201
GLOBL bitOf<>(SB), RODATA|NOPTR, $16

// HASH hashes the sixteen windows that begin at offset, offset+2, …: table indices to at(R9), bit numbers to bits.
#define HASH(offset, offset2, at, bits) \
	VPAND    offset(SI), Y10, Y0; \
	VPAND    offset2(SI), Y10, Y1; \
	VPMULLW  Y11, Y0, Y0; \
	VPMULLW  Y12, Y1, Y1; \
	VPADDW   Y1, Y0, Y2; \
	VPSUBW   Y1, Y0, bits; \
	VPSRLW   X14, Y2, Y2; \
	VMOVDQU  Y2, at(R9); \
	VPSRLW   $13, bits, bits

// PICK copies the table byte of one index to its place behind R12.
#define PICK(index, place, reg) \
	MOVWLZX index(R9), reg; \
	MOVBLZX (R8)(reg*1), reg; \
	MOVB    reg, place(R12)

// PICK4 does so for two even positions and the odd ones behind them.
#define PICK4(index, odd, place) \
	PICK(index, place, AX); \
	PICK(odd, place+1, CX); \
	PICK(index+2, place+2, DX); \
	PICK(odd+2, place+3, R11)

// func sieveAVX2(p *byte, blocks int, table *byte, notes *byte, masks *uint32, shift uint64)
//
// Sieves 32 positions a block; reads 32*blocks+3 bytes from p. notes: 64 bytes of indices of the current block, then chunk
// table bytes, then chunk selected bits; both are compared only at the end, when the stores have long settled.
TEXT ·sieveAVX2(SB), NOSPLIT, $0-48
	MOVQ p+0(FP), SI
	MOVQ blocks+8(FP), BX
	MOVQ table+16(FP), R8
	MOVQ notes+24(FP), R9
	MOVQ masks+32(FP), DI
	MOVQ shift+40(FP), AX
	MOVQ AX, X14
	VPBROADCASTQ foldMask<>(SB), Y10
	VPBROADCASTW lowFactor<>(SB), Y11
	VPBROADCASTW highFactor<>(SB), Y12
	VBROADCASTI128 bitOf<>(SB), Y13
	VPXOR Y15, Y15, Y15
	LEAQ 64(R9), R12
	MOVQ R12, R13
	MOVQ BX, R10

hash:
	HASH(0, 2, 0, Y3)
	HASH(1, 3, 32, Y4)
	VPSLLW  $8, Y4, Y4
	VPOR    Y3, Y4, Y4
	VPSHUFB Y4, Y13, Y4
	VMOVDQU Y4, 1024(R12)
	PICK4(0, 32, 0)
	PICK4(4, 36, 4)
	PICK4(8, 40, 8)
	PICK4(12, 44, 12)
	PICK4(16, 48, 16)
	PICK4(20, 52, 20)
	PICK4(24, 56, 24)
	PICK4(28, 60, 28)
	ADDQ $32, SI
	ADDQ $32, R12
	DECQ R10
	JNZ  hash

compare:
	VMOVDQU   (R13), Y0
	VPAND     1024(R13), Y0, Y0
	VPCMPEQB  Y15, Y0, Y0
	VPMOVMSKB Y0, AX
	NOTL      AX
	MOVL      AX, (DI)
	ADDQ      $4, DI
	ADDQ      $32, R13
	DECQ      BX
	JNZ       compare
	VZEROUPPER
	RET
