-- The reference schema (sources/debezium/README.md) for MariaDB 10.11 and later, ready for Debezium.
--   mariadb yourdatabase < reference-mariadb.sql
-- The server needs log_bin, binlog_format=ROW, binlog_row_image=FULL, binlog_row_metadata=FULL and a server_id.
-- Views cannot be captured: fill these tables from your own, by triggers or by your shop's code.

CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email varchar(320),
  phone varchar(40),
  first_name varchar(200),
  last_name varchar(200),
  locale varchar(20),
  birthday date,
  created_at timestamp(6) NULL,
  updated_at timestamp(6) NULL
);

CREATE TABLE carts (
  id bigint PRIMARY KEY,
  customer_id bigint,
  email varchar(320),
  currency char(3),
  url text,
  active boolean,
  updated_at timestamp(6) NULL
);

CREATE TABLE cart_lines (
  id bigint PRIMARY KEY,
  cart_id bigint NOT NULL,
  product_id bigint NOT NULL,
  variant_id bigint,
  sku varchar(100),
  name text,
  quantity integer NOT NULL,
  unit_price decimal(14,4)
);

CREATE TABLE orders (
  id bigint PRIMARY KEY,
  placed_at timestamp(6) NOT NULL DEFAULT current_timestamp(6),
  total decimal(14,4) NOT NULL,
  currency char(3) NOT NULL,
  number varchar(100),
  customer_id bigint,
  email varchar(320),
  phone varchar(40),
  cart_id bigint,
  status varchar(40),
  subtotal decimal(14,4),
  shipping decimal(14,4),
  tax decimal(14,4),
  discount decimal(14,4),
  discount_code varchar(200),
  note text,
  updated_at timestamp(6) NULL,
  paid_at timestamp(6) NULL,
  payment_method varchar(200),
  line_count integer
);

CREATE TABLE order_lines (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  product_id bigint NOT NULL,
  variant_id bigint,
  sku varchar(100),
  name text,
  quantity integer NOT NULL,
  unit_price decimal(14,4),
  tax decimal(14,4),
  discount decimal(14,4)
);

CREATE TABLE refunds (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  amount decimal(14,4) NOT NULL,
  currency char(3),
  reason text,
  created_at timestamp(6) NULL
);

CREATE TABLE fulfilments (
  id bigint PRIMARY KEY,
  order_id bigint NOT NULL,
  tracking_code varchar(200),
  carrier varchar(200),
  created_at timestamp(6) NULL
);

CREATE TABLE products (
  id bigint PRIMARY KEY,
  title text NOT NULL,
  description mediumtext,
  url text,
  image_url text,
  brand varchar(200),
  currency char(3),
  price decimal(14,4),
  compare_at_price decimal(14,4),
  published boolean,
  updated_at timestamp(6) NULL
);

CREATE TABLE stock (
  product_id bigint NOT NULL,
  variant_id bigint NOT NULL DEFAULT 0, -- 0: the product has no variants
  location varchar(100) NOT NULL DEFAULT '',
  quantity integer NOT NULL,
  sku varchar(100),
  updated_at timestamp(6) NULL,
  PRIMARY KEY (product_id, variant_id, location)
);

-- Debezium's user reads this database and no other; reading the log is a right of the whole server. Give it a password:
-- SET PASSWORD FOR shoprelay_cdc = PASSWORD('...');
CREATE USER IF NOT EXISTS shoprelay_cdc;
GRANT SELECT, LOCK TABLES ON * TO shoprelay_cdc; -- of the database this was sent to
GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO shoprelay_cdc;
