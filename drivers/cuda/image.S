/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.S - the fat binary of the kernels as read-only data (image.h). The macros
 * come from the header that scripts/cuda-fatbin wrote beside the fat binary.
 */
	.section .rodata
	.balign 64
	.globl cuda_image
	.hidden cuda_image
	.type cuda_image, %object
cuda_image:
	.incbin CUDA_IMAGE_FILE
	.size cuda_image, . - cuda_image

	.balign 4
	.globl cuda_image_toolkit
	.hidden cuda_image_toolkit
	.type cuda_image_toolkit, %object
cuda_image_toolkit:
	.long CUDA_IMAGE_TOOLKIT
	.size cuda_image_toolkit, 4

	.globl cuda_image_archs
	.hidden cuda_image_archs
	.type cuda_image_archs, %object
cuda_image_archs:
	.asciz CUDA_IMAGE_ARCHS
	.size cuda_image_archs, . - cuda_image_archs

	.section .note.GNU-stack, "", %progbits
