package bitmap

import "golang.org/x/sys/cpu"

// Wide reports whether the processor has AVX2 and BMI1: for packages that have assembly of their own.
func Wide() bool { return cpu.X86.HasAVX2 && cpu.X86.HasBMI1 }
