"""Run the fuzzer from the command line."""

from support.fuzzing.command import main

if __name__ == "__main__":
    raise SystemExit(main())
