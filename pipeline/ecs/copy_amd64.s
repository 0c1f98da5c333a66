#include "textflag.h"

// 16 spaces, quotes and backslashes.
DATA spaces<>+0(SB)/8, $0x2020202020202020
DATA spaces<>+8(SB)/8, $0x2020202020202020
GLOBL spaces<>(SB), RODATA|NOPTR, $16
DATA quotes<>+0(SB)/8, $0x2222222222222222
DATA quotes<>+8(SB)/8, $0x2222222222222222
GLOBL quotes<>(SB), RODATA|NOPTR, $16
DATA slashes<>+0(SB)/8, $0x5c5c5c5c5c5c5c5c
DATA slashes<>+8(SB)/8, $0x5c5c5c5c5c5c5c5c
GLOBL slashes<>(SB), RODATA|NOPTR, $16

// SPECIAL sets a bit of R8 for each of the 16 bytes in X3 that is below a space, read as a signed number, a quote or a backslash.
#define SPECIAL \
	MOVO X0, X4 \
	PCMPGTB X3, X4 \
	MOVO X1, X5 \
	PCMPEQB X3, X5 \
	PCMPEQB X2, X3 \
	POR X5, X4 \
	POR X3, X4 \
	PMOVMSKB X4, R8

// func copyPlain(dst, src *byte, n int) int
TEXT ·copyPlain(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVOU spaces<>(SB), X0
	MOVOU quotes<>(SB), X1
	MOVOU slashes<>(SB), X2
	XORL AX, AX // so many are plain, and copied
	CMPQ CX, $16
	JLT short


	LEAQ -16(CX), R9

next:
	CMPQ AX, R9
	JGE last
	MOVOU (SI)(AX*1), X3
	MOVOU X3, (DI)(AX*1)
	SPECIAL
	TESTL R8, R8
	JNZ found
	ADDQ $16, AX
	JMP next

last: // 16 bytes, some of them perhaps once more
	MOVOU (SI)(R9*1), X3
	MOVOU X3, (DI)(R9*1)
	SPECIAL
	TESTL R8, R8
	JNZ lower
	MOVQ CX, ret+24(FP)
	RET

lower:
	MOVQ R9, AX

found:
	BSFL R8, R8
	ADDQ R8, AX
	MOVQ AX, ret+24(FP)
	RET

short:
	CMPQ CX, $8
	JLT seven
	MOVQ (SI), X3
	MOVQ -8(SI)(CX*1), X6
	MOVQ X3, (DI)
	MOVQ X6, -8(DI)(CX*1)
	PUNPCKLQDQ X6, X3
	SPECIAL
	TESTL R8, R8
	JNZ some
	MOVQ CX, ret+24(FP)
	RET

seven:
	CMPQ CX, $4
	JLT three
	MOVL (SI), R10
	MOVL -4(SI)(CX*1), R11
	MOVL R10, (DI)
	MOVL R11, -4(DI)(CX*1)
	SHLQ $32, R11
	ORQ R11, R10
	JMP few

three: // the first, the middle and the last
	MOVQ CX, R12
	SHRQ $1, R12
	MOVBLZX (SI), R10
	MOVBLZX (SI)(R12*1), R11
	MOVBLZX -1(SI)(CX*1), R13
	MOVB R10, (DI)
	MOVB R11, (DI)(R12*1)
	MOVB R13, -1(DI)(CX*1)
	SHLL $8, R11
	ORL R11, R10
	SHLL $16, R13
	ORL R13, R10
	ORL $0x61000000, R10
	MOVQ $0x6161616100000000, R11
	ORQ R11, R10

few:
	MOVQ R10, X3
	PUNPCKLQDQ X3, X3
	SPECIAL
	TESTL R8, R8
	JNZ some
	MOVQ CX, ret+24(FP)
	RET

some: // which it is does not matter: they are looked at again
	MOVQ AX, ret+24(FP)
	RET
