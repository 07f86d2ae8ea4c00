! tsnap_snapshots.f90 - snapshots that anyone opens, without MPI: what is in them, and any part of any
! array; and what is done with whole snapshots (tsnap/snapshot.h, copy.h).
!
! Indices and offsets count from 1, in the order of the array's indices when it was taken.
module tsnap_snapshots
  use, intrinsic :: iso_fortran_env, only: int8, int32, int64
  use tsnap_constants
  use tsnap_contexts
  use tsnap_interface
  use tsnap_messages
  use tsnap_settings
  use tsnap_watching
  implicit none
  private
  public :: tsnap_snapshot, tsnap_snapshot_info, tsnap_object_info, tsnap_extent_info
  public :: tsnap_copy_result, tsnap_gc_result
  public :: tsnap_snapshot_open, tsnap_snapshot_open_all, tsnap_snapshot_close
  public :: tsnap_snapshot_info_get, tsnap_snapshot_object, tsnap_snapshot_find
  public :: tsnap_snapshot_attribute, tsnap_snapshot_attribute_at, tsnap_snapshot_extent
  public :: tsnap_snapshot_set_progress, tsnap_snapshot_verify
  public :: tsnap_read, tsnap_read_as, tsnap_read_box, tsnap_read_text, tsnap_read_bytes
  public :: tsnap_remove, tsnap_gc, tsnap_copy

  ! A handle: it is never copied, and nothing happens to it when it goes out of scope.
  type :: tsnap_snapshot
    private
    type(c_ptr) :: handle = c_null_ptr
    type(held_watcher), pointer :: of_config => null()
    type(held_watcher), pointer :: of_progress => null()
  contains
    procedure :: open => tsnap_snapshot_open
    procedure :: open_all => tsnap_snapshot_open_all
    procedure :: close => tsnap_snapshot_close
    procedure :: info => tsnap_snapshot_info_get
    procedure, private :: object_32, object_64
    generic :: object => object_32, object_64
    procedure :: find => tsnap_snapshot_find
    procedure :: attribute => tsnap_snapshot_attribute
    procedure :: attribute_at => tsnap_snapshot_attribute_at
    procedure :: extent => tsnap_snapshot_extent
    procedure :: set_progress => tsnap_snapshot_set_progress
    procedure :: verify => tsnap_snapshot_verify
    procedure, private :: read_whole, read_at_32, read_at_64
    generic :: read => read_whole, read_at_32, read_at_64
    procedure, private :: read_whole_as, read_at_32_as, read_at_64_as
    generic :: read_as => read_whole_as, read_at_32_as, read_at_64_as
    procedure :: read_box => tsnap_read_box
    procedure :: read_text => tsnap_read_text
    procedure :: read_bytes => tsnap_read_bytes
  end type

  character(len=*), parameter :: is_open_already = &
    'this snapshot is open already: close it first'

  interface tsnap_snapshot_object
    module procedure object_32, object_64
  end interface

  interface tsnap_read
    module procedure read_whole, read_at_32, read_at_64
  end interface

  interface tsnap_read_as
    module procedure read_whole_as, read_at_32_as, read_at_64_as
  end interface

  type :: tsnap_snapshot_info
    character(:), allocatable :: id
    character(:), allocatable :: metadata
    character(:), allocatable :: library_version
    character(:), allocatable :: format
    integer(int64) :: created_unix_seconds = 0
    integer(int64) :: world_size = 0
    integer(int64) :: object_count = 0
    integer(int64) :: bytes = 0
    integer(int64) :: stored_bytes = 0
  end type

  type :: tsnap_object_info
    character(:), allocatable :: path
    integer :: type = 0
    integer :: kind = 0
    integer :: dtype = 0
    integer :: ndim = 0
    integer(int64) :: rank = -1
    integer(int64), allocatable :: shape(:) ! of the whole array; ndim entries
    integer(int64) :: item_bytes = 0
    integer(int64) :: bytes = 0
    integer(int64) :: stored_bytes = 0
    integer(int64) :: box_count = 0
  end type

  type :: tsnap_extent_info
    character(:), allocatable :: file
    integer(int64) :: writer = -1
    integer(int64) :: offset_bytes = 0
    integer(int64) :: stored_bytes = 0
    integer(int64) :: bytes = 0
    integer :: codec = 0
    integer :: ndim = 0
    integer(int64), allocatable :: box_offset(:) ! in the whole array, from 1; ndim entries
    integer(int64), allocatable :: box_shape(:)
  end type

  type :: tsnap_copy_result
    integer(int64) :: objects_copied = 0
    integer(int64) :: objects_skipped = 0
    integer(int64) :: bytes_copied = 0
    integer(int64) :: bytes_skipped = 0
    logical :: server_side = .false.
  end type

  type :: tsnap_gc_result
    integer(int64) :: takes_removed = 0
    integer(int64) :: takes_kept = 0
    integer(int64) :: bytes_removed = 0
  end type

contains

  subroutine tsnap_snapshot_open(self, url, config, ierr)
    class(tsnap_snapshot), intent(inout) :: self
    character(len=*), intent(in) :: url
    type(tsnap_config), optional, intent(in) :: config
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    status = may_open(self%handle, is_open_already)
    if (status == TSNAP_OK) then
      status = c_tsnap_snapshot_open(to_c(url), settings%of_config(config), self%handle)
      if (status /= TSNAP_OK) call release(settings%held)
      self%of_config => settings%held
    end if
    call settle(status, ierr)
  end subroutine

  ! Collective: on all ranks of the context, which stays open as long as the snapshot.
  subroutine tsnap_snapshot_open_all(self, context, url, ierr)
    class(tsnap_snapshot), intent(inout) :: self
    type(tsnap_context), intent(in) :: context
    character(len=*), intent(in) :: url
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    status = may_open(self%handle, is_open_already)
    if (status == TSNAP_OK) &
      status = c_tsnap_snapshot_open_all(context_handle(context), to_c(url), self%handle)
    call settle(status, ierr)
  end subroutine

  subroutine tsnap_snapshot_close(self)
    class(tsnap_snapshot), intent(inout) :: self
    call c_tsnap_snapshot_close(self%handle)
    if (c_associated(self%handle)) return ! inside a callback of its own
    call release(self%of_config)
    call release(self%of_progress)
  end subroutine

  subroutine tsnap_snapshot_info_get(self, info, ierr)
    class(tsnap_snapshot), intent(in) :: self
    type(tsnap_snapshot_info), intent(out) :: info
    integer, optional, intent(out) :: ierr
    type(c_tsnap_snapshot_info) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = c_tsnap_snapshot_info_get(self%handle, c)
    info%id = from_c(c%id)
    info%metadata = from_c(c%metadata)
    info%library_version = from_c(c%library_version)
    info%format = from_c(c%format)
    info%created_unix_seconds = c%created_unix_seconds
    info%world_size = c%world_size
    info%object_count = c%object_count
    info%bytes = c%bytes
    info%stored_bytes = c%stored_bytes
    call settle(status, ierr)
  end subroutine

  subroutine fill_object(c, info)
    type(c_tsnap_object_info), intent(in) :: c
    type(tsnap_object_info), intent(out) :: info
    info%path = from_c(c%path)
    info%type = c%type
    info%kind = c%kind
    info%dtype = c%dtype
    info%ndim = c%ndim
    info%rank = c%rank
    info%shape = c%shape(:c%ndim)
    info%item_bytes = c%item_bytes
    info%bytes = c%bytes
    info%stored_bytes = c%stored_bytes
    info%box_count = c%box_count
  end subroutine

  ! index: 1 to object_count, in the order of paths.
  subroutine object_64(self, index, info, ierr)
    class(tsnap_snapshot), intent(in) :: self
    integer(int64), intent(in) :: index
    type(tsnap_object_info), intent(out) :: info
    integer, optional, intent(out) :: ierr
    type(c_tsnap_object_info) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = c_tsnap_snapshot_object(self%handle, index - 1, c)
    call fill_object(c, info)
    call settle(status, ierr)
  end subroutine

  subroutine object_32(self, index, info, ierr)
    class(tsnap_snapshot), intent(in) :: self
    integer(int32), intent(in) :: index
    type(tsnap_object_info), intent(out) :: info
    integer, optional, intent(out) :: ierr
    call object_64(self, int(index, int64), info, ierr)
  end subroutine

  subroutine tsnap_snapshot_find(self, path, info, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(tsnap_object_info), intent(out) :: info
    integer, optional, intent(out) :: ierr
    type(c_tsnap_object_info) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = c_tsnap_snapshot_find(self%handle, to_c(path), c)
    call fill_object(c, info)
    call settle(status, ierr)
  end subroutine

  subroutine tsnap_snapshot_attribute(self, path, name, value, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path, name
    character(:), allocatable, intent(out) :: value
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    type(c_ptr) :: text
    text = c_null_ptr
    status = c_tsnap_snapshot_attribute(self%handle, to_c(path), to_c(name), text)
    if (status == TSNAP_OK) value = from_c(text)
    call settle(status, ierr)
  end subroutine

  ! index: from 1, in the order of names; TSNAP_E_NOT_FOUND past the last.
  subroutine tsnap_snapshot_attribute_at(self, path, index, name, value, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    integer, intent(in) :: index
    character(:), allocatable, intent(out) :: name, value
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    type(c_ptr) :: name_text, value_text
    name_text = c_null_ptr
    value_text = c_null_ptr
    status = c_tsnap_snapshot_attribute_at(self%handle, to_c(path), index - 1_int64, name_text, &
      value_text)
    if (status == TSNAP_OK) then
      name = from_c(name_text)
      value = from_c(value_text)
    end if
    call settle(status, ierr)
  end subroutine

  ! index: from 1; TSNAP_E_NOT_FOUND past the last.
  subroutine tsnap_snapshot_extent(self, path, index, extent, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    integer, intent(in) :: index
    type(tsnap_extent_info), intent(out) :: extent
    integer, optional, intent(out) :: ierr
    type(c_tsnap_extent_info) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = c_tsnap_snapshot_extent(self%handle, to_c(path), index - 1_int64, c)
    extent%file = from_c(c%file)
    extent%writer = c%writer
    extent%offset_bytes = c%offset_bytes
    extent%stored_bytes = c%stored_bytes
    extent%bytes = c%bytes
    extent%codec = c%codec
    extent%ndim = c%ndim
    extent%box_offset = c%box_offset(:c%ndim) + 1
    extent%box_shape = c%box_shape(:c%ndim)
    call settle(status, ierr)
  end subroutine

  ! The watcher's progress is called during reads and verify; no watcher: nothing is.
  subroutine tsnap_snapshot_set_progress(self, watcher, ierr)
    class(tsnap_snapshot), intent(inout) :: self
    class(tsnap_watcher), optional, target, intent(inout) :: watcher
    integer, optional, intent(out) :: ierr
    class(tsnap_watcher), pointer :: watching
    type(held_watcher), pointer :: held
    type(c_funptr) :: callback
    integer(c_int32_t) :: status
    watching => null()
    callback = c_null_funptr
    if (present(watcher)) then
      watching => watcher
      callback = c_funloc(progress_of_two)
    end if
    call hold(watching, held)
    status = c_tsnap_snapshot_set_progress(self%handle, callback, at_watcher(held))
    if (status == TSNAP_OK) then
      call release(self%of_progress)
      self%of_progress => held
    else
      call release(held)
    end if
    call settle(status, ierr)
  end subroutine

  ! Reads and checks all stored bytes; bad_paths also with TSNAP_E_CORRUPT.
  subroutine tsnap_snapshot_verify(self, bad_paths, ierr)
    class(tsnap_snapshot), intent(in) :: self
    type(tsnap_text), allocatable, optional, intent(out) :: bad_paths(:)
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    integer(c_int64_t) :: count
    type(c_ptr) :: list
    count = 0
    list = c_null_ptr
    status = c_tsnap_snapshot_verify(self%handle, count, list)
    if (present(bad_paths)) call texts_from_c(list, count, bad_paths)
    call settle(status, ierr)
  end subroutine

  ! Any object into a variable of its type, rank and kind. Of an array the whole, whose shape the
  ! variable has; or, with offset, the part that begins there and has the variable's shape.
  subroutine read_whole(self, path, value, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    call settle(tsnap_fortran_read(self%handle, to_c(path), value, 0, no_offset(), 0_int64, &
      settings%of_read(options)), ierr)
  end subroutine

  subroutine read_at_32(self, path, value, offset, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    integer(int32), intent(in) :: offset(:)
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    call read_at_64_as(self, path, value, 0, int(offset, int64), options, ierr)
  end subroutine

  subroutine read_at_64(self, path, value, offset, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    integer(int64), intent(in) :: offset(:)
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    call read_at_64_as(self, path, value, 0, offset, options, ierr)
  end subroutine

  ! The same for types that Fortran has no name for: see add_as.
  subroutine read_whole_as(self, path, value, dtype, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    integer, intent(in) :: dtype
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    call settle(tsnap_fortran_read(self%handle, to_c(path), value, dtype, no_offset(), 0_int64, &
      settings%of_read(options)), ierr)
  end subroutine

  subroutine read_at_32_as(self, path, value, dtype, offset, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    integer, intent(in) :: dtype
    integer(int32), intent(in) :: offset(:)
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    call read_at_64_as(self, path, value, dtype, int(offset, int64), options, ierr)
  end subroutine

  subroutine read_at_64_as(self, path, value, dtype, offset, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(*), dimension(..), intent(inout) :: value
    integer, intent(in) :: dtype
    integer(int64), intent(in) :: offset(:)
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    call settle(tsnap_fortran_read(self%handle, to_c(path), value, dtype, offset, &
      size(offset, kind=int64), settings%of_read(options)), ierr)
  end subroutine

  function no_offset() result(offset)
    integer(int64) :: offset(1)
    offset = 1
  end function

  ! Into tsnap_box(array[, offset]): for what only a bind(C) procedure gets without a copy.
  subroutine tsnap_read_box(self, path, box, options, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    type(tsnap_box), intent(in) :: box
    type(tsnap_read_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    call settle(tsnap_fortran_read_box(self%handle, to_c(path), box, settings%of_read(options)), &
      ierr)
  end subroutine

  ! A string of any length.
  subroutine tsnap_read_text(self, path, text, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    character(:), allocatable, intent(out) :: text
    integer, optional, intent(out) :: ierr
    character(kind=c_char), allocatable, target :: buffer(:)
    integer(c_int32_t) :: status
    integer(c_size_t) :: needed, again
    needed = 0
    again = 0
    status = c_tsnap_read_string(self%handle, to_c(path), c_null_ptr, 0_c_size_t, needed)
    if (needed > 0) then
      allocate (buffer(needed))
      status = c_tsnap_read_string(self%handle, to_c(path), c_loc(buffer), needed, again)
      if (status == TSNAP_OK) text = from_c(c_loc(buffer))
    end if
    call settle(status, ierr)
  end subroutine

  ! A block of bytes of any size.
  subroutine tsnap_read_bytes(self, path, bytes, ierr)
    class(tsnap_snapshot), intent(in) :: self
    character(len=*), intent(in) :: path
    integer(int8), allocatable, target, intent(out) :: bytes(:)
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    integer(c_size_t) :: size, needed
    size = 0
    needed = 0
    status = c_tsnap_read_bytes(self%handle, to_c(path), c_null_ptr, 0_c_size_t, size)
    if (status == TSNAP_OK .or. size > 0) allocate (bytes(size))
    if (size > 0) &
      status = c_tsnap_read_bytes(self%handle, to_c(path), c_loc(bytes), size, needed)
    call settle(status, ierr)
  end subroutine

  subroutine tsnap_remove(url, config, ierr)
    character(len=*), intent(in) :: url
    type(tsnap_config), optional, intent(in) :: config
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    status = check_version()
    if (status == TSNAP_OK) status = c_tsnap_remove(to_c(url), settings%of_config(config))
    call release(settings%held)
    call settle(status, ierr)
  end subroutine

  ! Removes what takes have left that never committed.
  subroutine tsnap_gc(url, result, config, options, ierr)
    character(len=*), intent(in) :: url
    type(tsnap_gc_result), intent(out) :: result
    type(tsnap_config), optional, intent(in) :: config
    type(tsnap_gc_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: place, settings
    type(c_tsnap_gc_result) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = check_version()
    if (status == TSNAP_OK) &
      status = c_tsnap_gc(to_c(url), place%of_config(config), settings%of_gc(options), c)
    result = tsnap_gc_result(c%takes_removed, c%takes_kept, c%bytes_removed)
    call release(place%held)
    call release(settings%held)
    call settle(status, ierr)
  end subroutine

  subroutine tsnap_copy(from_url, to_url, result, from_config, to_config, options, ierr)
    character(len=*), intent(in) :: from_url, to_url
    type(tsnap_copy_result), optional, intent(out) :: result
    type(tsnap_config), optional, intent(in) :: from_config, to_config
    type(tsnap_copy_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: from, to, settings
    type(c_tsnap_copy_result) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = check_version()
    if (status == TSNAP_OK) &
      status = c_tsnap_copy(to_c(from_url), from%of_config(from_config), to_c(to_url), &
        to%of_config(to_config), settings%of_copy(options), c)
    if (present(result)) result = tsnap_copy_result(c%objects_copied, c%objects_skipped, &
      c%bytes_copied, c%bytes_skipped, c%server_side /= 0)
    call release(from%held)
    call release(to%held)
    call release(settings%held)
    call settle(status, ierr)
  end subroutine
end module
