#include "textflag.h"
#include "find_amd64.h"

// WORD compares the 64 bytes in Y4 and Y5 with the byte all over find, and stores a bit for each into word `at` of the block.
#define WORD(find, at) \
	VPCMPEQB Y4, find, Y6 \
	VPCMPEQB Y5, find, Y7 \
	PUT(Y6, Y7, at)

// func fillAVX2(blocks *Block, text *byte, n int, find uint32)
TEXT ·fillAVX2(SB), NOSPLIT, $0-28
	MOVQ blocks+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ n+16(FP), CX
	MOVL find+24(FP), AX
	FOUR

block:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	WORD(Y0, 0)
	WORD(Y1, 8)
	WORD(Y2, 16)
	WORD(Y3, 24)
	ADDQ $64, SI
	ADDQ $32, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// PLACE stores where the lowest bit of R8 is, counted from AX on, as the at'th number, and clears it.
#define PLACE(at) \
	TZCNTQ R8, R9 \
	ADDL AX, R9 \
	MOVL R9, (at*4)(R10) \
	BLSRQ R8, R8

// func placesBMI(dst *uint32, word *uint64, n int)
TEXT ·placesBMI(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ word+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

word:
	MOVQ (SI), R8
	POPCNTQ R8, R11
	MOVQ DI, R10
	TESTQ R8, R8
	JZ next

eight:
	PLACE(0)
	PLACE(1)
	PLACE(2)
	PLACE(3)
	PLACE(4)
	PLACE(5)
	PLACE(6)
	PLACE(7)
	ADDQ $32, R10
	TESTQ R8, R8
	JNZ eight

next:
	LEAQ (DI)(R11*4), DI
	ADDQ $32, SI
	ADDL $64, AX
	DECQ CX
	JNZ word
	RET
