//go:build !purego

#include "textflag.h"

DATA lowNibble<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL lowNibble<>(SB), RODATA|NOPTR, $8

// BUCKETS looks up the 32 bytes at offset in the tables low and high: the buckets left to out.
#define BUCKETS(offset, low, high, out) \
	VMOVDQU offset(SI), Y10; \
	VPSRLW  $4, Y10, Y11; \
	VPAND   Y8, Y10, Y10; \
	VPAND   Y8, Y11, Y11; \
	VPSHUFB Y10, low, Y10; \
	VPSHUFB Y11, high, Y11; \
	VPAND   Y10, Y11, out

// func sieveNibbles(p *byte, blocks int, tables *nibbles, masks *uint32)
//
// Sieves 32 positions a block; reads 32*blocks+3 bytes from p.
TEXT ·sieveNibbles(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ blocks+8(FP), BX
	MOVQ tables+16(FP), R8
	MOVQ masks+24(FP), DI
	VBROADCASTI128 0(R8), Y0
	VBROADCASTI128 16(R8), Y1
	VBROADCASTI128 32(R8), Y2
	VBROADCASTI128 48(R8), Y3
	VBROADCASTI128 64(R8), Y4
	VBROADCASTI128 80(R8), Y5
	VBROADCASTI128 96(R8), Y6
	VBROADCASTI128 112(R8), Y7
	VPBROADCASTQ   lowNibble<>(SB), Y8
	VPXOR          Y9, Y9, Y9

block:
	BUCKETS(0, Y0, Y1, Y12)
	BUCKETS(1, Y2, Y3, Y13)
	BUCKETS(2, Y4, Y5, Y14)
	BUCKETS(3, Y6, Y7, Y15)
	VPAND     Y12, Y13, Y12
	VPAND     Y14, Y15, Y14
	VPAND     Y12, Y14, Y12
	VPCMPEQB  Y9, Y12, Y12
	VPMOVMSKB Y12, AX
	NOTL      AX
	MOVL      AX, (DI)
	ADDQ      $4, DI
	ADDQ      $32, SI
	DECQ      BX
	JNZ       block
	VZEROUPPER
	RET
