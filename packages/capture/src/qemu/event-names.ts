/**
 * The trace events about address spaces of QEMU 6.2 to 10.2 (names only), so that a line of one
 * that carries no news is told from a line that nobody knows.
 */
const NAMES: Readonly<Record<string, string>> = {
  iommufd_backend: `
    alloc_hwpt alloc_ioas alloc_vdev alloc_viommu connect disconnect free_id get_dirty_bitmap invalidate_cache
    map_dma map_file_dma set_dirty unmap_dma unmap_dma_non_exist
  `,
  iommufd_cdev: `
    alloc_ioas attach_ioas_hwpt connect_and_bind detach_ioas_hwpt device_info fail_attach_existing_container getfd
    pci_hot_reset_dep_devices
  `,
  vfio_listener: `
    region_add_iommu region_add_no_dma_map region_add_ram region_add_skip region_del region_del_iommu
    region_del_skip region_skip
  `,
  vfio_device: "attach detach dirty_tracking_start dirty_tracking_update get get_region_info_type put",
  vfio_user: `
    dma_map dma_unmap get_info get_irq_info get_region_info recv_hdr recv_read recv_request region_rw send_write
    set_irqs version wrmulti
  `,
  vfio: `
    attach_device container_disconnect container_query_dirty_bitmap detach_device disconnect_container
    dma_unmap_overflow_workaround eoi exitfn_error get_dev_region get_device get_dirty_bitmap group_put initfn
    iommu_map_dirty_notify iommu_map_dirty_notify_skip_ro iommu_map_notify known_safe_misalignment
    kvm_device_add_group legacy_dma_unmap_overflow_workaround mdev populate_device_config
    populate_device_get_irq_info_failure prereg_listener_region_add_skip prereg_listener_region_del_skip
    prereg_register prereg_unregister put_base_device put_group realize region_dmabuf region_exit region_finalize
    region_mmap region_mmap_fault region_mmaps_set_enabled region_read region_setup region_sparse_mmap_entry
    region_sparse_mmap_header region_unmap region_write reset_handler spapr_create_window spapr_group_attach
    spapr_remove_window
  `,
  vtd: `
    as_unmap_whole ce_not_present context_cache_reset device_attach_hwpt device_detach_hwpt device_reattach_def_hwpt
    dmar_enable dmar_fault dmar_translate fault_disabled frr_new fsts_clear_ip fsts_ppf iotlb_cc_hit iotlb_cc_update
    iotlb_page_hit iotlb_page_update iotlb_reset irq_generate page_walk_level page_walk_one page_walk_one_skip_map
    page_walk_one_skip_unmap page_walk_skip_read page_walk_skip_reserve pasid_cache_devsi pasid_cache_reset
    pt_enable_fast_path re_not_present replay_ce_invalid replay_ce_valid reset_exit switch_address_space
    translate_pt
  `,
  amdvi: `
    all_inval cache_update command_error command_exec command_read_fail completion_wait completion_wait_fail
    control_status devtab_inval dte_get_fail err evntlog_fail get_pte_hwerror intr_inval invalid_dte iotlb_hit
    iotlb_inval iotlb_reset ir_delivery_mode ir_err ir_intctl ir_irte ir_irte_ga_val ir_irte_val ir_remap_msi
    ir_remap_msi_req ir_target_abort mem_ir_write mem_ir_write_req mmio_read mmio_read_invalid mmio_write
    mode_invalid page_fault pages_inval ppr_exec prefetch_pages translation_result unhandled_command
  `,
  smmuv3: `
    accel_install_ste accel_set_iommu_device accel_translate_ste accel_unset_iommu_device config_cache_hit
    config_cache_inv config_cache_miss decode_cd decode_cd_tt find_ste find_ste_2lvl get_cd get_ste
    inv_notifiers_iova notify_flag_add notify_flag_del range_inval read_mmio record_event s1_range_inval
    translate_abort translate_bypass translate_disable translate_success trigger_irq unhandled_cmd write_gerror
    write_gerrorn write_mmio
  `,
  virtio_iommu: `
    attach detach detach_endpoint_from_domain device_reset device_reset_exit device_status fill_resv_property
    freeze_granule get_config get_domain get_endpoint get_features host_resv_regions init_iommu_mr map
    notify_flag_add notify_flag_del notify_map notify_unmap put_domain put_endpoint remap report_fault set_config
    set_page_size_mask switch_address_space system_reset translate translate_out unmap unmap_done
    update_page_size_mask
  `,
  spapr_iommu: `
    ddw_create ddw_query ddw_remove ddw_reset get indirect new_table pci_get pci_indirect pci_put pci_stuff
    post_load pre_save put stuff xlate
  `,
  riscv_iommu: `
    ats ats_inval ats_prgr cmd dma flt icvec_write mrif_notification msi new notifier_add notifier_del
    notify_int_vector pci_reset_hold pri sys_irq_sent sys_msi_sent sys_reset_hold
  `,
  vhost_vdpa: `
    add_status cleanup dev_start dma_map dma_unmap dump_config dump_regions init listener_begin_batch
    listener_commit listener_region_add listener_region_add_unaligned listener_region_del
    listener_region_del_unaligned memslots_limit reset_device skipped_memory_section suspend vq_get_addr
  `,
  vhost: "region_add_section region_add_section_aligned region_add_section_merge",
  vfu: "bar_register bar_rw_enter bar_rw_exit cfg_read cfg_write dma_register dma_unregister",
  kvm: "set_user_memory",
};

/** Events that belong to no such group. */
const SINGLE = `
  address_space_map iommu_backend_set_fd iommufd_change_process qemu_ram_alloc_shared
  ram_block_attributes_state_change ram_block_discard_range
`;

/** Groups of which no event tells of a mapping: configuration space, interrupts, registers, device state. */
const GROUPS = `
  vfio_pci_ vfio_msi vfio_intx_ vfio_rom_ vfio_vga_ vfio_quirk_ vfio_display_ vfio_igd_ vfio_ioeventfd_
  vfio_migration_ vfio_save_ vfio_load_ vfio_state_ vfio_vmstate_ vfio_check_ vfio_add_ vfio_ccw_ vfio_ap_
  vfio_platform_ vfio_multifd_ vtd_ir_ vtd_warn_ vtd_reg_ vtd_inv_ memory_region_ kvm_dirty_ring_ flatview_
  spapr_pci_ smmu_ smmuv3_cmdq_ riscv_iommu_hpm_ virtio_balloon_ vhost_vdpa_set_ vhost_vdpa_get_ vhost_vdpa_svq_
`;

const words = (text: string): string[] => text.trim().split(/\s+/);

const KNOWN: ReadonlySet<string> = new Set([
  ...words(SINGLE),
  ...Object.entries(NAMES).flatMap(([group, names]) => words(names).map((name) => `${group}_${name}`)),
]);
const KNOWN_GROUPS: readonly string[] = words(GROUPS);

/** Whether QEMU has a trace event of this name, which the decoder may pass over. */
export function isTraceEvent(name: string): boolean {
  return KNOWN.has(name) || KNOWN_GROUPS.some((group) => name.startsWith(group));
}
