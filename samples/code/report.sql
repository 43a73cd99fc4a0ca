select c.city, count(*) as orders, sum(o.total) as turnover
  from orders o
  join customers c on c.id = o.customer
 where o.placed_at >= date '2024-01-01'
 group by c.city
 order by turnover desc;
