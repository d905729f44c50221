// SPDX-License-Identifier: Apache-2.0
/*
 * cuda-image.c - what image.S is for the real driver: the fake library knows this
 * one by its first bytes.
 */
#include "cuda.h"
#include "image.h"

const unsigned char cuda_image[] = FAKE_IMAGE;
const unsigned char cuda_image_sm90[] = FAKE_IMAGE_SM90;
const uint32_t cuda_image_toolkit = 13000;
const char cuda_image_archs[] = "80 86 90a";
