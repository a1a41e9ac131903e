"""Runs the cases of a script for a program that asks over standard input, one turn at a time.

  python serve.py SCRIPT DATA

DATA is a folder that the script finds in the variable `data`. The script names its cases by calling timed(name, work, fn,
unit). The function that it defines itself is put aside: here a call says {"at": name} and waits. To {"run": {"threads": N,
"seconds": S, "clock": C}} it answers with the time of fn, called again and again for S seconds: the lower quartile, as other
work on the machine only ever adds time; with the clock "cpu" the mean processor time of all threads. {"next": true} lets the
script go on. So peer and program take turns on the same data, and a script's own definitions are what is measured.
"""
import ast, json, sys, time

out, sys.stdout = sys.stdout, sys.stderr

def say(**what):
    print(json.dumps(what), file=out, flush=True)

def threads(n):
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n)
    if "numpy" in sys.modules and "threadpoolctl" in sys.modules:
        sys.modules["threadpoolctl"].threadpool_limits(n, user_api="blas")
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].set_cpu_count(n)
        sys.modules["pyarrow"].set_io_thread_count(n)

def time_of(fn, seconds, clock):
    fn()
    if clock == "cpu":                       # coarse: the turn as a whole
        n, t, end = 0, time.process_time(), time.perf_counter() + seconds
        while n < 3 or time.perf_counter() < end:
            fn()
            n += 1
        return (time.process_time() - t) / n
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        t = time.perf_counter()
        fn()
        times.append(time.perf_counter() - t)
    times.sort()
    return times[len(times) // 4]

def timed(name, work, fn, unit):
    say(at=name)
    for line in sys.stdin:
        ask = json.loads(line)
        if "run" not in ask:
            return
        run = ask["run"]
        threads(run["threads"])
        say(seconds=time_of(fn, run["seconds"], run["clock"]))
    sys.exit(0)

def main():
    path, data = sys.argv[1:]
    sys.argv = [path]
    with open(path) as f:
        tree = ast.parse(f.read(), path)
    tree.body = [n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name == "timed")]
    try:
        exec(compile(tree, path, "exec"), {"__name__": "__main__", "__file__": path, "__doc__": ast.get_docstring(tree), "timed": timed, "data": data})
    except ModuleNotFoundError as e:
        say(missing=e.name)

main()
