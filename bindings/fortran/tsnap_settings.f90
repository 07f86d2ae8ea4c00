! tsnap_settings.f90 - the options of calls, as users set them and as C is given them.
!
! Members have the names and meanings of the C structs (tsnap/config.h, take.h, ...); texts are
! allocatable, and one that is not allocated is the default. `watcher` stands for all callbacks.
module tsnap_settings
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  use tsnap_interface
  use tsnap_messages
  use tsnap_watching
  implicit none
  private
  public :: tsnap_config, tsnap_take_options, tsnap_restore_options, tsnap_read_options
  public :: tsnap_copy_options, tsnap_gc_options
  public :: c_settings, release

  type :: tsnap_config
    integer(int64) :: memory_budget_bytes = 0
    integer(int32) :: io_concurrency = 0
    integer(int32) :: staging_threads = 0
    real(real64) :: collective_timeout_seconds = 0
    real(real64) :: io_timeout_seconds = 0
    integer(int32) :: direct_io = 0
    integer(int32) :: log_level = 0
    character(:), allocatable :: s3_endpoint
    character(:), allocatable :: s3_region
    character(:), allocatable :: s3_access_key
    character(:), allocatable :: s3_secret_key
    character(:), allocatable :: s3_session_token
    character(:), allocatable :: ca_file
    integer(int64) :: staging_prefault_bytes = 0
    character(:), allocatable :: trace
    class(tsnap_watcher), pointer :: watcher => null() ! log and event
  end type

  type :: tsnap_take_options
    integer(int32) :: overwrite = 0
    integer(int32) :: codec = 0
    integer(int32) :: verify_replicated = 0
    integer(int32) :: sync = 0
    integer(int64) :: chunk_bytes = 0
    integer(int64) :: slab_bytes = 0
    character(:), allocatable :: metadata
    class(tsnap_watcher), pointer :: watcher => null() ! progress
    integer(int32) :: device_staging = 0
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type

  type :: tsnap_restore_options
    integer(int32) :: strict = 0
    integer(int32) :: new_ranks = 0
    integer(int32) :: lost_ranks = 0
    integer(int32) :: verify = 0
    class(tsnap_watcher), pointer :: watcher => null() ! progress
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type

  type :: tsnap_read_options
    integer(int64) :: memory_budget_bytes = 0
    integer(int32) :: verify = 0
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type

  type :: tsnap_copy_options
    integer(int32) :: overwrite = 0
    integer(int32) :: verify = 0
    class(tsnap_watcher), pointer :: watcher => null() ! progress
  end type

  type :: tsnap_gc_options
    real(real64) :: min_age_seconds = 0
    integer(int32) :: dry_run = 0
    class(tsnap_watcher), pointer :: watcher => null() ! removed
  end type

  ! Any of them as C sees it, with the texts; a target, that is filled once and never copied.
  type :: c_settings
    type(c_tsnap_config) :: config
    type(c_tsnap_take_options) :: take
    type(c_tsnap_restore_options) :: restore
    type(c_tsnap_read_options) :: read
    type(c_tsnap_copy_options) :: copy
    type(c_tsnap_gc_options) :: gc
    type(kept_text) :: texts(7)
    type(held_watcher), pointer :: held => null()
  contains
    procedure :: of_config, of_take, of_restore, of_read, of_copy, of_gc
  end type

contains

  ! Each returns where C finds the options; NULL when they are absent.
  function of_config(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_config), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    associate (c => self%config)
      c%struct_size = c_sizeof(c)
      c%memory_budget_bytes = options%memory_budget_bytes
      c%io_concurrency = options%io_concurrency
      c%staging_threads = options%staging_threads
      c%collective_timeout_seconds = options%collective_timeout_seconds
      c%io_timeout_seconds = options%io_timeout_seconds
      c%direct_io = options%direct_io
      c%log_level = options%log_level
      c%s3_endpoint = keep(options%s3_endpoint, self%texts(1))
      c%s3_region = keep(options%s3_region, self%texts(2))
      c%s3_access_key = keep(options%s3_access_key, self%texts(3))
      c%s3_secret_key = keep(options%s3_secret_key, self%texts(4))
      c%s3_session_token = keep(options%s3_session_token, self%texts(5))
      c%ca_file = keep(options%ca_file, self%texts(6))
      c%staging_prefault_bytes = options%staging_prefault_bytes
      c%trace = keep(options%trace, self%texts(7))
      call hold(options%watcher, self%held)
      if (associated(self%held)) then
        c%log = c_funloc(log_line)
        c%event = c_funloc(event_seen)
      end if
      c%log_user = at_watcher(self%held)
      c%event_user = at_watcher(self%held)
    end associate
    at = c_loc(self%config)
  end function

  function of_take(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_take_options), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    associate (c => self%take)
      c%struct_size = c_sizeof(c)
      c%overwrite = options%overwrite
      c%codec = options%codec
      c%verify_replicated = options%verify_replicated
      c%sync = options%sync
      c%chunk_bytes = options%chunk_bytes
      c%slab_bytes = options%slab_bytes
      c%metadata = keep(options%metadata, self%texts(1))
      call hold(options%watcher, self%held)
      if (associated(self%held)) c%progress = c_funloc(progress_of_three)
      c%progress_user = at_watcher(self%held)
      c%device_staging = options%device_staging
      c%cuda_stream = options%cuda_stream
    end associate
    at = c_loc(self%take)
  end function

  function of_restore(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_restore_options), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    associate (c => self%restore)
      c%struct_size = c_sizeof(c)
      c%strict = options%strict
      c%new_ranks = options%new_ranks
      c%lost_ranks = options%lost_ranks
      c%verify = options%verify
      call hold(options%watcher, self%held)
      if (associated(self%held)) c%progress = c_funloc(progress_of_three)
      c%progress_user = at_watcher(self%held)
      c%cuda_stream = options%cuda_stream
    end associate
    at = c_loc(self%restore)
  end function

  function of_read(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_read_options), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    self%read%struct_size = c_sizeof(self%read)
    self%read%memory_budget_bytes = options%memory_budget_bytes
    self%read%verify = options%verify
    self%read%cuda_stream = options%cuda_stream
    at = c_loc(self%read)
  end function

  function of_copy(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_copy_options), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    associate (c => self%copy)
      c%struct_size = c_sizeof(c)
      c%overwrite = options%overwrite
      c%verify = options%verify
      call hold(options%watcher, self%held)
      if (associated(self%held)) c%progress = c_funloc(progress_of_two)
      c%progress_user = at_watcher(self%held)
    end associate
    at = c_loc(self%copy)
  end function

  function of_gc(self, options) result(at)
    class(c_settings), target, intent(inout) :: self
    type(tsnap_gc_options), optional, intent(in) :: options
    type(c_ptr) :: at
    at = c_null_ptr
    if (.not. present(options)) return
    associate (c => self%gc)
      c%struct_size = c_sizeof(c)
      c%min_age_seconds = options%min_age_seconds
      c%dry_run = options%dry_run
      call hold(options%watcher, self%held)
      if (associated(self%held)) c%removed = c_funloc(file_removed)
      c%removed_user = at_watcher(self%held)
    end associate
    at = c_loc(self%gc)
  end function

  ! When no call of the watcher can come any more.
  subroutine release(held)
    type(held_watcher), pointer, intent(inout) :: held
    if (associated(held)) deallocate (held)
    held => null()
  end subroutine
end module
