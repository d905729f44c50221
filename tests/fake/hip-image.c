// SPDX-License-Identifier: Apache-2.0
/*
 * hip-image.c - what image.S is for the real driver: the fake library knows this one by its first
 * bytes, which are those of a fat binary.
 */
#include "hip.h"
#include "image.h"

const unsigned char hip_image[] = FAKE_IMAGE " without anything in it";
const char hip_image_archs[] = "gfx90a gfx1030";
