import multiprocessing
import sys

from work import root, square

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        print(pool.map(square, range(4), chunksize=1))
    process = context.Process(target=root, args=(-1,))
    process.start()
    process.join()
    print(process.exitcode)
