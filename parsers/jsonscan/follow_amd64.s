#include "go_asm.h"
#include "textflag.h"

DATA each<>+0(SB)/1, $0x22 // quote
DATA each<>+1(SB)/1, $0x5C // backslash
DATA each<>+2(SB)/1, $0x75 // u
DATA each<>+3(SB)/1, $0x78 // x
DATA each<>+4(SB)/1, $0x30 // 0
DATA each<>+5(SB)/1, $0x09
GLOBL each<>(SB), RODATA|NOPTR, $6

// DIGITS counts the digits at R11, at most 16, into AX.
#define DIGITS \
	LEAQ 16(R11), AX \
	CMPQ AX, DX \
	JHI last \
	VMOVDQU (R11), X1 \
	VPSUBB X11, X1, X2 \
	VPMINUB X10, X2, X3 \
	VPCMPEQB X3, X2, X3 \
	VPMOVMSKB X3, AX \
	NOTL AX \
	TZCNTL AX, AX

// BLOCK loads the 32 bytes at R11 into Y1, and puts where quotes are into AX, and where backslashes are into R8.
#define BLOCK \
	LEAQ 32(R11), AX \
	CMPQ AX, DX \
	JHI last \
	VMOVDQU (R11), Y1 \
	VPCMPEQB Y15, Y1, Y2 \
	VPCMPEQB Y14, Y1, Y3 \
	VPMOVMSKB Y2, AX \
	VPMOVMSKB Y3, R8

// func followAVX2(w *walk, last *[96]byte) *step
//
// R14 is the line's beginning and DX the end of what can be read, SI where the reading is, R13 the step it is behind. R15 is the step that is tried, R10 where
// the value behind that begins, R11 where the value ends, R8 its kind, and 0x100 for a text with escapes.
TEXT ·followAVX2(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ walk_data(DI), R14
	MOVQ (walk_data+8)(DI), DX
	ADDQ R14, DX
	MOVQ walk_i(DI), SI
	ADDQ R14, SI
	MOVQ walk_values(DI), BX
	MOVQ walk_taken(DI), CX
	MOVQ walk_at(DI), R13
	VPBROADCASTB each<>+0(SB), Y15
	VPBROADCASTB each<>+1(SB), Y14
	VPBROADCASTB each<>+2(SB), Y13
	VPBROADCASTB each<>+3(SB), Y12
	VPBROADCASTB each<>+4(SB), X11
	VPBROADCASTB each<>+5(SB), X10

next:
	MOVQ step_next(R13), R15
	TESTQ R15, R15
	JZ out
	LEAQ 32(SI), AX
	CMPQ AX, DX
	JHI last
	VMOVDQU (SI), Y0
	VPCMPEQB step_words(R15), Y0, Y0
	VPMOVMSKB Y0, AX
	MOVL step_mask(R15), R8
	ANDNL R8, AX, R9
	JNZ out
	TESTQ step_ids(R15), CX
	JNZ out
	MOVBLZX step_n(R15), R10
	ADDQ SI, R10
	MOVQ R10, R11
	MOVBLZX step_kind(R15), AX
	CMPL AX, $const_String
	JNE scalar

text:
	BLOCK
	BLSMSKL AX, R9 // the bytes up to the first quote, all when there is none
	TESTL R8, R9
	JNZ escapes
	TESTL AX, AX
	JZ further
	TZCNTL AX, AX
	ADDQ AX, R11
	MOVL $const_String, R8

store:
	MOVBLZX step_id(R15), AX
	LEAQ (AX)(AX*2), AX
	MOVL R8, (BX)(AX*4)
	SUBQ R14, R10
	MOVL R10, 4(BX)(AX*4)
	MOVQ R11, SI
	SUBQ R14, R11
	MOVL R11, 8(BX)(AX*4)
	ORQ step_ids(R15), CX
	MOVQ R15, R13
	JMP next

further:
	ADDQ $32, R11
	JMP text

escapes:
	XORL R9, R9 // 1: the last byte of the block before is a backslash

escape: // AX is where quotes are, R8 where backslashes
	LEAL (R9)(R8*2), R12 // behind a backslash
	TESTL R8, R12
	JNZ out
	VPCMPEQB Y13, Y1, Y2
	VPCMPEQB Y12, Y1, Y3
	VPOR Y2, Y3, Y2
	VPMOVMSKB Y2, R9
	TESTL R9, R12
	JNZ out
	ANDNL AX, R12, AX
	JNZ escaped
	MOVL R8, R9
	SHRL $31, R9
	ADDQ $32, R11
	BLOCK
	JMP escape

escaped:
	TZCNTL AX, AX
	ADDQ AX, R11
	MOVL $(const_String+0x100), R8
	JMP store

scalar:
	CMPL AX, $const_Nothing
	JEQ end
	DIGITS
	TESTL AX, AX
	JZ word
	CMPL AX, $15
	JHI out
	MOVBLZX (R11), R8 // 01 is no number
	ANDL $15, R8
	SHLL $6, R8
	LEAL -1(AX), R9
	CMPL R9, R8
	JHI out
	ADDQ AX, R11
	MOVBLZX (R11), R8
	CMPL R8, $0x2E
	JEQ fraction
	ORL $0x20, R8
	CMPL R8, $0x65
	JEQ exponent

number:
	MOVL $const_Number, R8
	JMP store

fraction:
	INCQ R11
	DIGITS
	LEAL -1(AX), R9 // none, or all
	CMPL R9, $15
	JCC out
	ADDQ AX, R11
	MOVBLZX (R11), R8
	ORL $0x20, R8
	CMPL R8, $0x65
	JNE number

exponent:
	INCQ R11
	CMPQ R11, DX
	JCC last
	MOVBLZX (R11), R8
	CMPL R8, $0x2B
	JEQ signed
	CMPL R8, $0x2D
	JNE unsigned

signed:
	INCQ R11

unsigned:
	DIGITS
	LEAL -1(AX), R9
	CMPL R9, $15
	JCC out
	ADDQ AX, R11
	JMP number

word: // there are 16 bytes
	MOVL (R11), R8
	CMPL R8, $0x65757274 // true
	JEQ true
	CMPL R8, $0x736C6166 // fals
	JNE out
	CMPB 4(R11), $0x65
	JNE out
	INCQ R11

true:
	ADDQ $4, R11
	MOVL $const_Bool, R8
	JMP store

end:
	SUBQ R14, R10
	CMPQ R10, (walk_data+8)(DI)
	JNE out
	LEAQ (R14)(R10*1), SI
	MOVQ R15, R13
	JMP out

last: // the line's last 64 bytes are copied to where 32 bytes that are 0 are behind them. No step and no value ends with a 0
	MOVQ (walk_data+8)(DI), AX
	CMPQ AX, $64
	JLT out
	MOVQ walk_data(DI), R8
	LEAQ -64(R8)(AX*1), R8
	CMPQ R14, walk_data(DI)
	JNE out // they are
	CMPQ SI, R8
	JCS out
	VMOVDQU (R8), Y1
	VMOVDQU 32(R8), Y2
	MOVQ last+8(FP), R9
	VMOVDQU Y1, (R9)
	VMOVDQU Y2, 32(R9)
	LEAQ 96(R9), DX
	SUBQ R8, R9
	ADDQ R9, SI
	ADDQ R9, R14
	JMP next

out:
	SUBQ R14, SI
	MOVQ SI, walk_i(DI)
	MOVQ CX, walk_taken(DI)
	MOVQ R13, ret+16(FP)
	VZEROUPPER
	RET
