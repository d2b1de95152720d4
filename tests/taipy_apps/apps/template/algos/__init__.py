from algos.algos import clean_data, predict
