/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.S - the fat binary of the kernels as read-only data (image.h). The macros
 * come from the header that scripts/hip-kernels wrote beside the fat binary.
 */
	.section .rodata
	.balign 4096
	.globl hip_image
	.hidden hip_image
	.type hip_image, %object
hip_image:
	.incbin HIP_IMAGE_FILE
	.size hip_image, . - hip_image

	.globl hip_image_archs
	.hidden hip_image_archs
	.type hip_image_archs, %object
hip_image_archs:
	.asciz HIP_IMAGE_ARCHS
	.size hip_image_archs, . - hip_image_archs

	.section .note.GNU-stack, "", %progbits
