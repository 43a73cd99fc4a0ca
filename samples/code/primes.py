#!/usr/bin/env python3
"""Prints the primes below a bound."""
import sys


def primes(bound):
    sieve = bytearray([1]) * bound
    for n in range(2, bound):
        if sieve[n]:
            yield n
            sieve[n * n :: n] = bytes(len(range(n * n, bound, n)))


if __name__ == "__main__":
    print(*primes(int(sys.argv[1])), sep="\n")
