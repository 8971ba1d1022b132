import time
from tests.slicer.windowless.studies import *
def test_x(stock, unlabelled):
    put_truth(unlabelled, *STUDIES)
    stock.connect(unlabelled.url)
    for key, value in {"max_epochs": "25", "val_interval": "25", "train_batch_size": "2"}.items():
        stock.choose_option("train", "farnet_demo", key, value)
    stock.train()
    while stock.widget.timer:
        stock.widget.timer.fire(); print(time.time(), stock.widget.ui.trainingProgressBar.value, stock.widget.ui.trainingProgressBar.toolTip,stock.widget.ui.accuracyProgressBar.value); time.sleep(.3)
    st=unlabelled.get("/train/"); print(st["status"], "\n".join(st["details"][-45:]), unlabelled.get("/info/")["train_stats"], stock.told)
