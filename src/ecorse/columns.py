"""The column names that SQL, Python, the CLI and the documentation share.

What belongs here: names used in more than one part. What does not: types and comments, which
stand with the table (``include/sql/schema``, ``include/sql/marts``, ``ecorse.models.TableSpec``).
"""


class Columns:
    """Column names, so that a typo is an AttributeError and not an empty result."""

    ShopId = "shop_id"
    OrderId = "order_id"
    ProductId = "product_id"
    ProductName = "product_name"
    Category = "category"
    Quantity = "quantity"
    UnitPrice = "unit_price"
    Revenue = "revenue"
    OrderedAt = "ordered_at"
    OrderedLocal = "ordered_local"
    CustomerId = "customer_id"
    City = "city"
    Segmentation = "segmentation"
    SegmentId = "segment_id"
    SegmentName = "segment_name"
    SimilarProductId = "similar_product_id"
    Rank = "rank"
    Score = "score"
    Method = "method"
    Evidence = "evidence"
    BuildId = "build_id"
