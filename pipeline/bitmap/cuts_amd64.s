#include "textflag.h"

// The bytes looked for, four times each to be read at once.
DATA cutQuote<>+0(SB)/4, $0x22222222
GLOBL cutQuote<>(SB), RODATA|NOPTR, $4
DATA cutSpace<>+0(SB)/4, $0x20202020
GLOBL cutSpace<>(SB), RODATA|NOPTR, $4
// cutOther has ? = \ % and { where their low four bits say, and elsewhere a byte whose low bits are others: a byte that is what
// stands there for it is one of the five. cutClass has what it is seen as in the same place.
DATA cutOther<>+0(SB)/8, $0x0000250000000001
DATA cutOther<>+8(SB)/8, $0x3f003d5c7b000000
GLOBL cutOther<>(SB), RODATA|NOPTR, $16
DATA cutClass<>+0(SB)/8, $0x0000080000000000
DATA cutClass<>+8(SB)/8, $0x0100020408000000
GLOBL cutClass<>(SB), RODATA|NOPTR, $16

// MASK makes of the 64 bytes in Y5 and Y6 a bit in `to` for each that is the byte all over find.
#define MASK(find, to) \
	VPCMPEQB Y5, find, Y9 \
	VPCMPEQB Y6, find, Y10 \
	VPMOVMSKB Y9, to \
	VPMOVMSKB Y10, R12 \
	SHLQ $32, R12 \
	ORQ R12, to \
	SHRXQ R8, to, to

// CUT stores where the lowest bit of R10 is, counted from AX on, as the at'th number, and clears it.
#define CUT(at) \
	TZCNTQ R10, R12 \
	ADDL AX, R12 \
	MOVL R12, (at*4)(R11) \
	BLSRQ R10, R10

// func cutsAVX2(at *[CutsLen]uint32, line *byte, length int) (n int, seen uint32)
TEXT ·cutsAVX2(SB), NOSPLIT, $0-36
	MOVQ at+0(FP), DI
	MOVQ line+8(FP), SI
	MOVQ length+16(FP), CX // bytes left
	VPBROADCASTD cutQuote<>(SB), Y0
	VPBROADCASTD cutSpace<>(SB), Y1
	VBROADCASTI128 cutOther<>(SB), Y2
	VBROADCASTI128 cutClass<>(SB), Y3
	VPCMPEQB Y4, Y4, Y4 // all ones
	VPXOR Y7, Y7, Y7    // the classes seen
	XORL AX, AX         // where the block begins
	XORL R8, R8         // how many bytes of the block have been looked at before
	XORL R13, R13       // all ones: it begins within quotes

block:
	VMOVDQU (SI), Y5
	VMOVDQU 32(SI), Y6
	MASK(Y0, R9)
	MASK(Y1, R10)
	VPSHUFB Y5, Y2, Y9
	VPSHUFB Y5, Y3, Y11
	VPCMPEQB Y5, Y9, Y9
	VPAND Y9, Y11, Y11
	VPOR Y11, Y7, Y7
	VPSHUFB Y6, Y2, Y10
	VPSHUFB Y6, Y3, Y12
	VPCMPEQB Y6, Y10, Y10
	VPAND Y10, Y12, Y12
	VPOR Y12, Y7, Y7

	// Each bit of the product is the sum of the bits up to it: set from an opening quote up to the closing one.
	VMOVQ R9, X11
	VPCLMULQDQ $0, X4, X11, X11
	VMOVQ X11, R12
	XORQ R13, R12
	MOVQ R12, R13
	SARQ $63, R13
	ANDNQ R10, R12, R10
	ORQ R9, R10

	POPCNTQ R10, R9
	MOVQ DI, R11

four:
	CUT(0)
	CUT(1)
	CUT(2)
	CUT(3)
	ADDQ $16, R11
	TESTQ R10, R10
	JNZ four

	LEAQ (DI)(R9*4), DI
	ADDQ $64, SI
	ADDL $64, AX
	MOVQ DI, R12
	SUBQ at+0(FP), R12
	CMPQ R12, $(192*4)
	JA done
	SUBQ $64, CX
	CMPQ CX, $64
	JGE block
	TESTQ CX, CX
	JLE done
	LEAQ -64(SI)(CX*1), SI // the last 64 bytes
	MOVL $64, R8
	SUBQ CX, R8
	JMP block

done:
	MOVQ DI, R12
	SUBQ at+0(FP), R12
	SHRQ $2, R12
	MOVQ R12, n+24(FP)
	VEXTRACTI128 $1, Y7, X9
	VPOR X9, X7, X7
	VPSRLDQ $8, X7, X9
	VPOR X9, X7, X7
	VMOVQ X7, AX
	MOVQ AX, R9
	SHRQ $32, R9
	ORL R9, AX
	MOVL AX, R9
	SHRL $16, R9
	ORL R9, AX
	MOVL AX, R9
	SHRL $8, R9
	ORL R9, AX
	ANDL $15, AX
	MOVL AX, seen+32(FP)
	VZEROUPPER
	RET
