import logging
import threading

import jobs
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


def main():
    logging.basicConfig(format="%(levelname)s %(name)s")
    done = threading.Semaphore(0)
    scheduler = BackgroundScheduler(
        executors={"threads": ThreadPoolExecutor(1), "processes": ProcessPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None},
    )
    scheduler.add_listener(lambda event: done.release(), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.start()
    for executor in ("threads", "processes"):
        scheduler.add_job(jobs.greet, args=["ada"], executor=executor)
        scheduler.add_job(jobs.divide, args=[1, 0], executor=executor)
    for _ in range(4):
        done.acquire()
    scheduler.shutdown()


if __name__ == "__main__":
    main()
