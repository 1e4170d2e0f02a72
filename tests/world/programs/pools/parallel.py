from joblib import Parallel, delayed
from work import square

if __name__ == "__main__":
    print(Parallel(n_jobs=2)(delayed(square)(number) for number in range(4)))
