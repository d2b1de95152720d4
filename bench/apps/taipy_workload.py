"""The same application on Taipy; run by the Python of its own environment."""

import os

import taipy as tp
from noops import same, slowly_same
from taipy import Config

Config.configure_job_executions(mode="standalone", max_nb_of_workers=2)
# In its default mode every start wipes what there is.
Config.configure_core(mode="experiment", version_number="1")

start = Config.configure_data_node("start", default_data=1)
middle = Config.configure_data_node("middle")
end = Config.configure_data_node("end")
first = Config.configure_task("first", same, start, middle)
second = Config.configure_task("second", same, middle, end)
Config.configure_scenario("pair", [first, second], sequences={"all": [first, second]})

slow_first = Config.configure_task("slow_first", slowly_same, start, middle)
slow_second = Config.configure_task("slow_second", slowly_same, middle, end)
Config.configure_scenario("slow_pair", [slow_first, slow_second])

if __name__ == "__main__":
    tp.run(tp.Rest(), port=int(os.environ["BENCH_PORT"]))
