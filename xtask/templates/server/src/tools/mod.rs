//! The tools, a file each.

mod create_item;
mod get_item;

pub(crate) use create_item::CreateItem;
pub(crate) use get_item::GetItem;
