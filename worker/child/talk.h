/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_TALK_H
#define TG_CHILD_TALK_H
/*
 * What: what a worker and its child process say to each other; python/tilegraph/_child.py is the
 * other side. Both run on one machine: numbers are in its own byte order.
 *
 * A message is one packet of a SOCK_SEQPACKET pair, a struct of this file as it is: a packet of
 * another size is nonsense. All that has no fixed size lies in memory that both have mapped. The
 * worker makes it (a memfd, sealed so that nobody can change its size) and sends its descriptor
 * along with the first request that uses it; the child then forgets the memory before.
 *
 *     worker                                child
 *                                           READY
 *     DEFINE place, size                    DONE, or FAILED text_bytes
 *     CALL place, words, text_max           DONE, or FAILED text_bytes
 *
 * DEFINE: `size` bytes of the memory are a pickled function, kept at `place` in place of another.
 * CALL: the memory begins with `size` words of 8 bytes: the number of inputs; then for the result
 * and for each input: dtype, ndim, offset of the block in the memory, bytes; the block's shape; and
 * from its tg_block_place shape, num_blocks, index, lo, hi, each of ndim words. Blocks are in C
 * order. The child writes the result's block.
 * FAILED: the memory begins with the text, UTF-8, of at most text_max bytes. Between two INVISIBLE
 * SEPARATORs (U+2063) each at its beginning stand the exception's class as module and name, and the
 * literal of its args; either may be empty. Then follows what happened, and the traceback.
 * `kept` in an answer: something of the child's still refers to the memory, so that the worker has
 * to use another from now on.
 *
 * A child that closes its end, or dies, has failed the request that it was at.
 *
 * Ownership: plain data. Threads: none. Errors: none.
 */
#include <stdint.h>

#define TG_CHILD_MAGIC UINT32_C(0x31436774) /* "tgC1" */

enum {
    TG_CHILD_PLACES = 64, /* functions that a child keeps */
    TG_CHILD_WORDS = 4,   /* of a block before its lists */
    TG_CHILD_LISTS = 6,   /* of ndim words */
    TG_CHILD_SOCKET = 3,  /* the child's descriptor */
};

typedef enum tg_child_verb {
    TG_CHILD_DEFINE = 1,
    TG_CHILD_CALL,
    TG_CHILD_READY,
    TG_CHILD_DONE,
    TG_CHILD_FAILED
} tg_child_verb;

typedef struct tg_child_request {
    uint32_t magic;
    uint32_t verb;
    uint64_t serial;       /* an answer has the number of its request */
    uint64_t memory_bytes; /* of the memory that both have */
    uint64_t size;
    uint64_t text_max;
    uint32_t place;
    uint32_t fresh; /* a descriptor comes along */
} tg_child_request;

typedef struct tg_child_answer {
    uint32_t magic;
    uint32_t verb;
    uint64_t serial;
    uint64_t text_bytes;
    uint64_t kept;
} tg_child_answer;

#endif
