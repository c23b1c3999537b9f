"""What a dashboard of a machine asks: twenty panels of one host, each an expression over a day at 15 s."""

HOST = 'instance="host0:9100"'
EXPRESSIONS = [e.replace("HOST", HOST) for e in (
    'sum by (mode) (rate(node_cpu_seconds_total{HOST}[1m])) * 100',
    '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{HOST,mode="idle"}[1m])))',
    'sum by (instance) (irate(node_cpu_seconds_total{HOST,mode="system"}[1m])) / on (instance) group_left '
    'sum by (instance) (irate(node_cpu_seconds_total{HOST}[1m]))',
    'node_load1{HOST}',
    'node_load5{HOST} / count without (cpu, mode) (node_cpu_seconds_total{HOST,mode="idle"})',
    'node_memory_MemTotal_bytes{HOST} - node_memory_MemFree_bytes{HOST} - node_memory_Cached_bytes{HOST} '
    '- node_memory_Buffers_bytes{HOST}',
    '(1 - node_memory_MemAvailable_bytes{HOST} / node_memory_MemTotal_bytes{HOST}) * 100',
    'rate(node_vmstat_pgmajfault{HOST}[1m])',
    '100 - node_filesystem_avail_bytes{HOST,fstype!~"tmpfs|ramfs"} * 100 / '
    'node_filesystem_size_bytes{HOST,fstype!~"tmpfs|ramfs"}',
    'node_filesystem_files_free{HOST}',
    'rate(node_disk_read_bytes_total{HOST}[1m])',
    'rate(node_disk_written_bytes_total{HOST}[1m])',
    'rate(node_disk_io_time_seconds_total{HOST}[1m])',
    'rate(node_network_receive_bytes_total{HOST,device!="lo"}[1m]) * 8',
    'rate(node_network_transmit_bytes_total{HOST,device!="lo"}[1m]) * 8',
    'sum(increase(node_network_receive_errs_total{HOST}[5m]))',
    'node_netstat_Tcp_CurrEstab{HOST}',
    'rate(node_context_switches_total{HOST}[1m])',
    'avg_over_time(node_procs_running{HOST}[5m])',
    'node_time_seconds{HOST} - node_boot_time_seconds{HOST}',
)]
