// Looking for bytes in 64 of them at a time.

// EVERYWHERE puts the lowest byte of AX all over y; x is its lower half.
#define EVERYWHERE(x, y) \
	VMOVD AX, x \
	VPBROADCASTB x, y

// FOUR puts the four bytes of AX, the lowest first, all over Y0 to Y3.
#define FOUR \
	EVERYWHERE(X0, Y0) \
	SHRL $8, AX \
	EVERYWHERE(X1, Y1) \
	SHRL $8, AX \
	EVERYWHERE(X2, Y2) \
	SHRL $8, AX \
	EVERYWHERE(X3, Y3)

// PUT stores a bit for each byte of low and high into the word at `at` behind DI.
#define PUT(low, high, at) \
	VPMOVMSKB low, R8 \
	VPMOVMSKB high, R9 \
	SHLQ $32, R9 \
	ORQ R9, R8 \
	MOVQ R8, at(DI)
