#include "textflag.h"

// What a byte may be by its lower four bits, and by its upper four: 1 a slash, 2 a digit, 4 a dash, 8 a letter of the first half,
// 16 one of the second, 32 an underscore. It is what both say.
DATA low<>+0(SB)/8, $0x1a1a1a1a1a1a1a12
DATA low<>+8(SB)/8, $0x29080c0808181a1a
GLOBL low<>(SB), RODATA|NOPTR, $16
DATA upper<>+0(SB)/8, $0x1008300802050000
DATA upper<>+8(SB)/8, $0
GLOBL upper<>(SB), RODATA|NOPTR, $16

// Byte n of the low half is bit n of a word, of the high half too.
DATA which<>+0(SB)/8, $0x0000000000000000
DATA which<>+8(SB)/8, $0x0101010101010101
DATA which<>+16(SB)/8, $0x0202020202020202
DATA which<>+24(SB)/8, $0x0303030303030303
GLOBL which<>(SB), RODATA|NOPTR, $32
DATA one<>+0(SB)/8, $0x8040201008040201
GLOBL one<>(SB), RODATA|NOPTR, $8

// CLASS makes of the 32 bytes in x their classes. Y0 is 0x0f in each byte, Y1 and Y2 low and upper.
#define CLASS(x, t) \
	VPSRLW $4, x, t \
	VPAND Y0, t, t \
	VPAND Y0, x, Y9 \
	VPSHUFB t, Y2, t \
	VPSHUFB Y9, Y1, Y9 \
	VPAND t, Y9, x

// BITS gathers the high bits of the bytes of a and b in to.
#define BITS(a, b, to) \
	VPMOVMSKB a, AX \
	VPMOVMSKB b, to \
	SHLQ $32, to \
	ORQ AX, to

// func classifyAVX2(t *text) (slashes, digits, odd uint64)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-32
	MOVQ t+0(FP), SI
	MOVL $0x0f0f0f0f, AX
	VMOVD AX, X0
	VPBROADCASTD X0, Y0
	VBROADCASTI128 low<>(SB), Y1
	VBROADCASTI128 upper<>(SB), Y2
	VMOVDQU (SI), Y3
	VMOVDQU 32(SI), Y4
	// A byte past 0x7f has 0 in upper.
	CLASS(Y3, Y5)
	CLASS(Y4, Y5)
	VPSLLW $7, Y3, Y5
	VPSLLW $7, Y4, Y6
	BITS(Y5, Y6, DX)
	MOVQ DX, slashes+8(FP)
	VPSLLW $6, Y3, Y5
	VPSLLW $6, Y4, Y6
	BITS(Y5, Y6, DX)
	MOVQ DX, digits+16(FP)
	// odd: a digit, or nothing
	MOVL $0x3d3d3d3d, AX
	VMOVD AX, X7
	VPBROADCASTD X7, Y7
	VPXOR Y8, Y8, Y8
	VPAND Y7, Y3, Y3
	VPAND Y7, Y4, Y4
	VPCMPEQB Y8, Y3, Y3
	VPCMPEQB Y8, Y4, Y4
	BITS(Y3, Y4, DX)
	MOVQ DX, odd+24(FP)
	VZEROUPPER
	RET

// SPREAD makes of the 32 bits in x bytes of all bits, or none.
#define SPREAD(x, y) \
	VPBROADCASTD x, y \
	VPSHUFB Y0, y, y \
	VPAND Y1, y, y \
	VPCMPEQB Y1, y, y

// func keepAVX2(dst, t *text, keep uint64, key *Key) (hash uint64)
TEXT ·keepAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ t+8(FP), SI
	MOVQ keep+16(FP), AX
	MOVQ key+24(FP), DX
	VMOVDQU which<>(SB), Y0
	VPBROADCASTQ one<>(SB), Y1
	VMOVD AX, X2
	SHRQ $32, AX
	VMOVD AX, X3
	SPREAD(X2, Y2)
	SPREAD(X3, Y3)
	VPAND (SI), Y2, Y2
	VPAND 32(SI), Y3, Y3
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VPADDD (DX), Y2, Y2
	VPADDD 32(DX), Y3, Y3
	VPSRLQ $32, Y2, Y4
	VPSRLQ $32, Y3, Y5
	VPMULUDQ Y2, Y4, Y4
	VPMULUDQ Y3, Y5, Y5
	VPADDQ Y4, Y5, Y5
	VEXTRACTI128 $1, Y5, X4
	VPADDQ X4, X5, X5
	VPSRLDQ $8, X5, X4
	VPADDQ X4, X5, X5
	VMOVQ X5, hash+32(FP)
	VZEROUPPER
	RET
