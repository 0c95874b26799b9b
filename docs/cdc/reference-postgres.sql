-- The reference schema (sources/debezium/README.md) for PostgreSQL 15 and later, ready for Debezium.
--   psql -d yourdatabase -v ON_ERROR_STOP=1 -f reference-postgres.sql
-- The server needs wal_level=logical, and max_slot_wal_keep_size so that a connector that is away cannot fill its disk.
-- Views cannot be captured: fill these tables from your own, by triggers or by your shop's code.

CREATE SCHEMA shop;

CREATE TABLE shop.customers (
  id bigint PRIMARY KEY,
  email text,
  phone text,
  first_name text,
  last_name text,
  locale text,
  birthday date,
  created_at timestamptz,
  updated_at timestamptz
);

CREATE TABLE shop.carts (
  id bigint PRIMARY KEY,
  customer_id bigint,
  email text,
  currency char(3),
  url text,
  active boolean,
  updated_at timestamptz
);

CREATE TABLE shop.cart_lines (
  id bigint PRIMARY KEY,
  cart_id bigint NOT NULL,
  product_id bigint NOT NULL,
  variant_id bigint,
  sku text,
  name text,
  quantity integer NOT NULL,
  unit_price numeric(14,4)
);

CREATE TABLE shop.orders (
  id bigint PRIMARY KEY,
  placed_at timestamptz NOT NULL,
  total numeric(14,4) NOT NULL,
  currency char(3) NOT NULL,
  number text,
  customer_id bigint,
  email text,
  phone text,
  cart_id bigint,
  status text,
  subtotal numeric(14,4),
  shipping numeric(14,4),
  tax numeric(14,4),
  discount numeric(14,4),
  discount_code text,
  note text,
  updated_at timestamptz,
  paid_at timestamptz,
  payment_method text,
  line_count integer
);

CREATE TABLE shop.order_lines (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  product_id bigint NOT NULL,
  variant_id bigint,
  sku text,
  name text,
  quantity integer NOT NULL,
  unit_price numeric(14,4),
  tax numeric(14,4),
  discount numeric(14,4)
);

CREATE TABLE shop.refunds (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  amount numeric(14,4) NOT NULL,
  currency char(3),
  reason text,
  created_at timestamptz
);

CREATE TABLE shop.fulfilments (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  tracking_code text,
  carrier text,
  created_at timestamptz
);

CREATE TABLE shop.products (
  id bigint PRIMARY KEY,
  title text NOT NULL,
  description text,
  url text,
  image_url text,
  brand text,
  currency char(3),
  price numeric(14,4),
  compare_at_price numeric(14,4),
  published boolean,
  updated_at timestamptz
);

CREATE TABLE shop.stock (
  product_id bigint NOT NULL,
  variant_id bigint NOT NULL DEFAULT 0, -- 0: the product has no variants
  location text NOT NULL DEFAULT '',
  quantity integer NOT NULL,
  sku text,
  updated_at timestamptz,
  PRIMARY KEY (product_id, variant_id, location)
);

-- A line that is deleted has to say whose it was, and a key alone does not.
ALTER TABLE shop.cart_lines REPLICA IDENTITY FULL;
ALTER TABLE shop.order_lines REPLICA IDENTITY FULL;

-- Debezium's role sees these tables and no others, and is no superuser. Give it a password: \password shoprelay_cdc
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shoprelay_cdc') THEN
    CREATE ROLE shoprelay_cdc LOGIN REPLICATION;
  END IF;
END $$;
GRANT USAGE ON SCHEMA shop TO shoprelay_cdc;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shoprelay_cdc;
CREATE PUBLICATION shoprelay_cdc FOR TABLES IN SCHEMA shop;
