#include "textflag.h"
#include "find_amd64.h"

// FIND compares the 32 bytes in text with the four bytes all over Y0 to Y3, and sets those of found that are one of them.
#define FIND(text, found) \
	VPCMPEQB text, Y0, found \
	VPCMPEQB text, Y1, Y9 \
	VPOR Y9, found, found \
	VPCMPEQB text, Y2, Y9 \
	VPOR Y9, found, found \
	VPCMPEQB text, Y3, Y9 \
	VPOR Y9, found, found

// func fillPairsAVX2(pairs *Pair, text *byte, n int, end, find uint32)
TEXT ·fillPairsAVX2(SB), NOSPLIT, $0-32
	MOVQ pairs+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ n+16(FP), CX
	MOVL end+24(FP), AX
	EVERYWHERE(X4, Y4)
	MOVL find+28(FP), AX
	FOUR

pair:
	VMOVDQU (SI), Y5
	VMOVDQU 32(SI), Y6
	FIND(Y5, Y7)
	FIND(Y6, Y8)
	VPCMPEQB Y5, Y4, Y5
	VPCMPEQB Y6, Y4, Y6
	PUT(Y5, Y6, 0)
	PUT(Y7, Y8, 8)
	ADDQ $64, SI
	ADDQ $16, DI
	DECQ CX
	JNZ pair
	VZEROUPPER
	RET
