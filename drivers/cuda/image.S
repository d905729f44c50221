/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.S - the fat binaries of the kernels as read-only data (image.h). The macros
 * come from the headers that scripts/cuda-fatbin wrote beside them.
 */
	.section .rodata
	.balign 64
	.globl cuda_image
	.hidden cuda_image
	.type cuda_image, %object
cuda_image:
	.incbin CUDA_SM80_FILE
	.size cuda_image, . - cuda_image

	.balign 64
	.globl cuda_image_sm90
	.hidden cuda_image_sm90
	.type cuda_image_sm90, %object
cuda_image_sm90:
	.incbin CUDA_SM90_FILE
	.size cuda_image_sm90, . - cuda_image_sm90

	.balign 4
	.globl cuda_image_toolkit
	.hidden cuda_image_toolkit
	.type cuda_image_toolkit, %object
cuda_image_toolkit:
	.long CUDA_SM80_TOOLKIT
	.size cuda_image_toolkit, 4

	.globl cuda_image_archs
	.hidden cuda_image_archs
	.type cuda_image_archs, %object
cuda_image_archs:
	.asciz CUDA_SM80_ARCHS
	.size cuda_image_archs, . - cuda_image_archs

	.section .note.GNU-stack, "", %progbits
