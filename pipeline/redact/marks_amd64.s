#include "textflag.h"

DATA looked<>+0(SB)/1, $0x22 // quote
DATA looked<>+1(SB)/1, $0x3A // colon
DATA looked<>+2(SB)/1, $0x3D // =
DATA looked<>+3(SB)/1, $0x25 // %
DATA looked<>+4(SB)/1, $0x5C // backslash
DATA looked<>+5(SB)/1, $0x5B // [
DATA looked<>+6(SB)/1, $0x5D // ]
GLOBL looked<>(SB), RODATA|NOPTR, $7

// PUT stores a bit for each byte of low and high into the word at `at` behind DI.
#define PUT(low, high, at) \
	VPMOVMSKB low, R8 \
	VPMOVMSKB high, R9 \
	SHLQ $32, R9 \
	ORQ R9, R8 \
	MOVQ R8, at(DI)

// func fillMarksAVX2(marks *Block, text *byte, n int)
TEXT ·fillMarksAVX2(SB), NOSPLIT, $0-24
	MOVQ marks+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTB looked<>+0(SB), Y0
	VPBROADCASTB looked<>+1(SB), Y1
	VPBROADCASTB looked<>+2(SB), Y2
	VPBROADCASTB looked<>+3(SB), Y3
	VPBROADCASTB looked<>+4(SB), Y4
	VPBROADCASTB looked<>+5(SB), Y11
	VPBROADCASTB looked<>+6(SB), Y12

block:
	VMOVDQU (SI), Y5
	VMOVDQU 32(SI), Y6
	VPCMPEQB Y5, Y0, Y7
	VPCMPEQB Y6, Y0, Y8
	PUT(Y7, Y8, 0)
	VPCMPEQB Y5, Y1, Y7
	VPCMPEQB Y6, Y1, Y8
	PUT(Y7, Y8, 8)
	VPCMPEQB Y5, Y2, Y7
	VPCMPEQB Y6, Y2, Y8
	VPCMPEQB Y5, Y3, Y9
	VPCMPEQB Y6, Y3, Y10
	VPOR Y9, Y7, Y7
	VPOR Y10, Y8, Y8
	VPCMPEQB Y5, Y4, Y9
	VPCMPEQB Y6, Y4, Y10
	VPOR Y9, Y7, Y7
	VPOR Y10, Y8, Y8
	PUT(Y7, Y8, 16)
	VPCMPEQB Y5, Y11, Y7
	VPCMPEQB Y6, Y11, Y8
	VPCMPEQB Y5, Y12, Y9
	VPCMPEQB Y6, Y12, Y10
	VPOR Y9, Y7, Y7
	VPOR Y10, Y8, Y8
	PUT(Y7, Y8, 24)
	ADDQ $64, SI
	ADDQ $32, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET
