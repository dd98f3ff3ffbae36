//! The tools, a file each, and the list of those that are offered.

mod describe_collection;
mod get_metrics;
mod get_user_profile;
mod list_collections;
mod query_data;

use mcp_chassis::Catalog;

use crate::InternalData;

/// Offers every tool, in the order in which clients list them.
pub(crate) fn register(catalog: &mut Catalog<InternalData>) {
    catalog
        .tool::<list_collections::ListCollections>()
        .tool::<describe_collection::DescribeCollection>()
        .tool::<query_data::QueryData>()
        .tool::<get_user_profile::GetUserProfile>()
        .tool::<get_metrics::GetMetrics>();
}
