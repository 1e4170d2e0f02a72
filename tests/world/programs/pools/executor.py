from concurrent.futures import ProcessPoolExecutor

from work import root, square

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        print(list(executor.map(square, range(4))))
        print(repr(executor.submit(root, -1).exception()))
