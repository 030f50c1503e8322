#include <stdint.h>

// a is in[0]
// b is in[1]
// cin is in[2]
// sum is out[0]
// carry is out[1]
// chosen is out[2]
// and is out[3]
// off is out[4]
// b is out[5]

void simulate_golden(const uint64_t in[], uint64_t out[]);

static void simulate_golden_0(const uint64_t *restrict in, uint64_t *restrict out, uint64_t *restrict w)
{
    (void)in, (void)out, (void)w;
    const uint64_t g0 = in[0] ^ in[1];
    const uint64_t g1 = in[2] ^ g0;
    out[0] = g1;
    const uint64_t g2 = (in[0] & in[1]) | (in[2] & (in[0] | in[1]));
    out[1] = g2;
    const uint64_t g3 = (g2 & in[0]) | (~g2 & g1);
    out[2] = g3;
    const uint64_t g4 = (g3 & (in[1] | in[0])) | (~g3 & (in[1] ^ ~in[0]));
    const uint64_t g5 = UINT64_C(0);
    out[4] = g5;
    const uint64_t g6 = g4 & ~g0;
    out[3] = g6;
}

void simulate_golden(const uint64_t in[], uint64_t out[])
{
    uint64_t w[1];
    (void)in, (void)out, (void)w;
    simulate_golden_0(in, out, w);
    out[5] = in[1];
}

#ifdef GATEWRIGHT_TEST_MAIN
/* Read patterns from stdin, a line of 3 characters 0 or 1 each, in[0] first; print the outputs likewise. */
#include <stdio.h>

int main(void)
{
    static uint64_t in[3], out[6];
    const unsigned long inputs = 3, outputs = 6;
    unsigned long line = 0, place = 0, given = 0;
    unsigned int pattern = 0, shown;
    int c;
    do {
        c = getchar();
        if (c == '0' || c == '1') {
            if (place < inputs && c == '1')
                in[place] |= UINT64_C(1) << pattern;
            place++;
            given = 1;
        } else if (c == '\n' || (c == EOF && given)) {
            line++;
            if (place != inputs) {
                fprintf(stderr, "line %lu: got %lu values, expected %lu\n", line, place, inputs);
                return 1;
            }
            place = 0;
            given = 0;
            pattern++;
        } else if (c != EOF) {
            fprintf(stderr, "line %lu: got character %d, expected 0 or 1\n", line + 1, c);
            return 1;
        }
        if (pattern == 64 || c == EOF) {
            simulate_golden(in, out);
            for (shown = 0; shown < pattern; shown++) {
                for (place = 0; place < outputs; place++)
                    putchar((int)(out[place] >> shown & 1) + '0');
                putchar('\n');
            }
            for (place = 0; place < inputs; place++)
                in[place] = 0;
            place = 0;
            pattern = 0;
        }
    } while (c != EOF);
    return 0;
}
#endif
