/* SPDX-License-Identifier: BSD-3-Clause */
/* PNG: what is written is what the signature and the header say; failures leave nothing. */
#include <unistd.h>

#include "../io_support.h"
#include "io/format/png.h"

static void
test_write(void **state)
{
    (void)state;
    unsigned char pixels[6 * 4 * 3];
    size_t n = 0;
    memset(pixels, 90, sizeof pixels);
    assert_ok(tg_png_write("a.png", 6, 4, 3, pixels, 18, err));
    unsigned char *data = read_file("a.png", &n);
    assert_memory_equal(data, "\x89PNG\r\n\x1a\n", 8);
    assert_memory_equal(data + 16, "\0\0\0\6\0\0\0\4\x08\x02", 10);
    free(data);
    assert_ok(tg_png_write("a.png", 5, 4, 1, pixels, 6, err)); /* rows apart */
    data = read_file("a.png", &n);
    assert_memory_equal(data + 16, "\0\0\0\5\0\0\0\4\x08\x00", 10);
    free(data);
    assert_fails(tg_png_write("a.png", 0, 4, 1, pixels, 6, err), TG_ERR_VALUE, "4 x 0");
    assert_fails(tg_png_write("a.png", 5, 4, 2, pixels, 10, err), TG_ERR_VALUE, "channels");
    assert_fails(tg_png_write("no/dir/a.png", 5, 4, 1, pixels, 6, err), TG_ERR_IO, "no/dir/a.png");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_write) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
