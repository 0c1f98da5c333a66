#include "textflag.h"

// FIND compares the 32 bytes in text with the four bytes all over Y1 to Y4, and sets those of found that are one of them.
#define FIND(text, found) \
	VPCMPEQB text, Y1, found \
	VPCMPEQB text, Y2, Y9 \
	VPOR Y9, found, found \
	VPCMPEQB text, Y3, Y9 \
	VPOR Y9, found, found \
	VPCMPEQB text, Y4, Y9 \
	VPOR Y9, found, found

// PUT stores a bit for each byte of low and high into word `at` of the pair.
#define PUT(low, high, at) \
	VPMOVMSKB low, R8 \
	VPMOVMSKB high, R9 \
	SHLQ $32, R9 \
	ORQ R9, R8 \
	MOVQ R8, at(DI)

// func fillPairsAVX2(pairs *Pair, text *byte, n int, end, find uint32)
TEXT ·fillPairsAVX2(SB), NOSPLIT, $0-32
	MOVQ pairs+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ n+16(FP), CX
	MOVL end+24(FP), AX
	VMOVD AX, X0
	VPBROADCASTB X0, Y0
	MOVL find+28(FP), AX
	VMOVD AX, X1
	VPBROADCASTB X1, Y1
	SHRL $8, AX
	VMOVD AX, X2
	VPBROADCASTB X2, Y2
	SHRL $8, AX
	VMOVD AX, X3
	VPBROADCASTB X3, Y3
	SHRL $8, AX
	VMOVD AX, X4
	VPBROADCASTB X4, Y4

pair:
	VMOVDQU (SI), Y5
	VMOVDQU 32(SI), Y6
	FIND(Y5, Y7)
	FIND(Y6, Y8)
	VPCMPEQB Y5, Y0, Y5
	VPCMPEQB Y6, Y0, Y6
	PUT(Y5, Y6, 0)
	PUT(Y7, Y8, 8)
	ADDQ $64, SI
	ADDQ $16, DI
	DECQ CX
	JNZ pair
	VZEROUPPER
	RET
