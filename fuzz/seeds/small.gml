graph [
  directed 0
  node [ id 0 label "Tokyo" region "asia" ]
  node [ id 1 label "K&#246;ln" host_bandwidth_up "10 Mbit" ]
  node [ id 2 label "Tokyo" ]
  edge [ source 0 target 1 latency "30 ms" packet_loss 0.01 ]
  edge [ source 1 target 0 ]
  edge [ source 2 target 2 ]
]
